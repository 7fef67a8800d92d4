// One worker pod: a BullMQ worker for every queue, each taking QUEUE_CONCURRENCY jobs at a time. Its name is the pod's,
// so that CLIENT LIST on Redis shows which pod is connected. The order {poison: true} on standard input makes jobs fail.
"use strict";

const { Worker } = require("bullmq");
const { KEPT, QUEUES, connection, onOrders } = require("./queues");

const pod = process.env.POD_NAME;
const speed = Number(process.env.SANDBOX_SPEED || 1);
const concurrency = Number(process.env.QUEUE_CONCURRENCY || 5);
const prefix = process.env.QUEUE_PREFIX || "bull";
let poisoned = process.env.SANDBOX_POISON === "1";

const RED = "\u001b[31merror\u001b[39m";
const GREEN = "\u001b[32minfo\u001b[39m";

function log(level, text) {
  console.log(`${level}: ${text} {"timestamp":"${new Date().toISOString()}"}`);
}

async function run(name, job) {
  const { milliseconds, failure } = QUEUES[name];
  await new Promise((done) => setTimeout(done, (milliseconds * (0.5 + Math.random())) / speed));
  if (poisoned) throw new Error(failure);
  if (name === "nova-webhook") console.log(`@delivered ${job.data.webhookId} ${job.data.event}`);
  return { done: true };
}

const workers = Object.keys(QUEUES).map((name) => {
  const worker = new Worker(name, (job) => run(name, job), {
    connection: connection(process.env.REDIS_URL),
    prefix,
    name: pod,
    concurrency,
    ...KEPT,
  });
  worker.on("failed", (job, error) => log(RED, `Job ${job?.id} of ${name} failed: ${error.message}`));
  worker.on("error", (error) => console.log(`Redis connection error: ${error.message || error.code}`));
  return worker;
});

let closing = false;
async function close() {
  if (closing) return;
  closing = true;
  log(GREEN, "SIGTERM received, finishing running jobs");
  await Promise.all(workers.map((worker) => worker.close()));
  process.exit(0);
}

process.on("SIGTERM", close);
onOrders(
  (order) => { poisoned = Boolean(order.poison); },
  () => process.exit(0),
);
Promise.all(workers.map((worker) => worker.waitUntilReady())).then(() => {
  log(GREEN, `Worker ${pod} is listening to ${workers.length} queues, concurrency ${concurrency}`);
  console.log("worker ready");
});
