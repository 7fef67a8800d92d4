// Puts jobs into NovaPulse's queues as its API does. Orders come as lines of JSON on standard input, each with an `id`
// that comes back in the answer: {op: "rate", queue, perSecond} and {op: "burst", queue, count, data, options}.
"use strict";

const { Queue } = require("bullmq");
const { KEPT, QUEUES, connection, onOrders } = require("./queues");

const BATCH = 200;
const TICK_MS = 100;
const prefix = process.env.QUEUE_PREFIX || "bull";
const queues = Object.fromEntries(
  Object.keys(QUEUES).map((name) => [
    name,
    new Queue(name, { connection: connection(process.env.REDIS_URL), prefix, defaultJobOptions: KEPT }),
  ]),
);
const rates = new Map();
let made = 0;

for (const queue of Object.values(queues)) queue.on("error", (error) => console.error(`queue error: ${error.message}`));

function jobs(name, count, data, more) {
  const { job, options, data: example } = QUEUES[name];
  return Array.from({ length: count }, () => ({
    name: job,
    data: { ...example(++made), ...data },
    opts: { ...options, ...more },
  }));
}

async function add(name, count, data, more) {
  for (let left = count; left > 0; left -= BATCH) {
    await queues[name].addBulk(jobs(name, Math.min(left, BATCH), data, more));
  }
}

async function obey(order) {
  if (!(order.queue in queues)) throw new Error(`no queue named ${order.queue}`);
  if (order.op === "rate") rates.set(order.queue, { perSecond: order.perSecond, due: 0 });
  else if (order.op === "burst") await add(order.queue, order.count, order.data, order.options);
  else throw new Error(`unknown order ${order.op}`);
}

function answer(id, error) {
  console.log(JSON.stringify(error ? { id, error: error.message } : { id }));
}

let busy = false;
setInterval(async () => {
  if (busy) return;
  busy = true;
  try {
    for (const [name, rate] of rates) {
      rate.due += (rate.perSecond * TICK_MS) / 1000;
      const count = Math.floor(rate.due);
      rate.due -= count;
      if (count > 0) await add(name, count);
    }
  } catch (error) {
    console.error(`producer: ${error.message}`);
  } finally {
    busy = false;
  }
}, TICK_MS);

onOrders(
  (order) => obey(order).then(() => answer(order.id), (error) => answer(order.id, error)),
  () => process.exit(0),
);
process.on("SIGTERM", () => process.exit(0));
Promise.all(Object.values(queues).map((queue) => queue.waitUntilReady())).then(() => console.log("producer ready"));
