// Does with NovaPulse's own queue library what a test asks for: one line of JSON in, one line of JSON out.
"use strict";

const { FlowProducer, Queue, Worker } = require(process.env.BULLMQ || "bullmq");

const { once } = require("node:events");
const { hostname, port } = new URL(process.env.REDIS_URL);
const connection = () => ({ host: hostname, port: Number(port), maxRetriesPerRequest: null });
const queues = new Map();
const workers = [];

function queue({ name, prefix = "bull" }) {
  const key = `${prefix}:${name}`;
  if (!queues.has(key)) queues.set(key, new Queue(name, { connection: connection(), prefix }));
  return queues.get(key);
}

async function worker(order) {
  const started = new Worker(order.name, null, { connection: connection(), prefix: order.prefix || "bull", name: order.worker });
  started.on("error", () => {});
  await started.waitUntilReady();
  workers.push(started);
}

/** Takes one job and ends it: the queue's last states need a worker that holds the job's lock. */
async function take(order) {
  const taker = new Worker(order.name, null, { connection: connection(), prefix: order.prefix || "bull", name: order.worker });
  taker.on("error", () => {});
  const job = await taker.getNextJob("token");
  if (order.end === "failed") await job.moveToFailed(new Error("it broke"), "token", false);
  if (order.end === "completed") await job.moveToCompleted({}, "token", false);
  await taker.close(true);
}

/** Takes as many jobs as there are reasons and fails each with its own, as a worker does whose code throws. */
async function fail(order) {
  const taker = new Worker(order.name, null, { connection: connection(), prefix: order.prefix || "bull" });
  taker.on("error", () => {});
  for (const reason of order.reasons) {
    const job = await taker.getNextJob("token");
    await job.moveToFailed(new Error(reason), "token", false);
  }
  await taker.close(true);
}

/** Works like NovaPulse's workers until so many jobs were done, and says which, in order. */
async function work(order) {
  const done = [];
  let finished;
  const all = new Promise((resolve) => (finished = resolve));
  const options = { connection: connection(), prefix: order.prefix || "bull", concurrency: 1 };
  const worker = new Worker(
    order.name,
    async (job) => {
      done.push(job.id);
    },
    options,
  );
  worker.on("error", () => {});
  worker.on("completed", () => done.length >= order.jobs && finished());
  await all;
  await worker.close();
  return { done };
}

const live = { failing: false, completed: [], failed: [] };

/** Starts a worker that stays and goes on waiting for jobs; while it is failing, its code throws. */
async function stay(order) {
  live.failing = Boolean(order.failing);
  if (live.worker) return;
  live.worker = new Worker(
    order.name,
    async () => {
      if (live.failing) throw new Error("it broke");
    },
    { connection: connection(), prefix: order.prefix || "bull", concurrency: 1 },
  );
  live.worker.on("error", () => {});
  for (const end of ["completed", "failed"]) live.worker.on(end, (job) => live[end].push(job.id));
  await live.worker.waitUntilReady();
}

/** Waits until the worker that stays has ended so many jobs in that way, and says which, in order. */
async function ended(order) {
  while (live[order.end].length < order.jobs) await once(live.worker, order.end);
  return { ids: live[order.end] };
}

const operations = {
  open: (order) => queue(order).waitUntilReady(),
  add: (order) => queue(order).addBulk(order.jobs.map((opts) => ({ name: order.job || "job", data: order.data || {}, opts }))),
  pause: (order) => queue(order).pause(),
  resume: (order) => queue(order).resume(),
  log: (order) => queue(order).addJobLog(order.id, order.line),
  flow: (order) => new FlowProducer({ connection: connection() }).add(order.flow),
  counts: (order) => queue(order).getJobCounts(),
  worker,
  take,
  fail,
  work,
  stay,
  ended,
};

async function obey(order) {
  await queue(order).waitUntilReady();
  const result = await operations[order.op](order);
  return ["counts", "work", "ended"].includes(order.op) ? result : {};
}

const lines = require("node:readline").createInterface({ input: process.stdin });
lines.on("line", (line) =>
  obey(JSON.parse(line)).then(
    (result) => console.log(JSON.stringify({ result })),
    (error) => console.log(JSON.stringify({ error: error.message })),
  ),
);
lines.on("close", () => process.exit(0));
