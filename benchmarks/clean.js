// What a clean-up through Node's own library takes, a thousand jobs at once: queue.clean alone, or the same after each
// thousand was written to a file as JSON.
"use strict";

const fs = require("node:fs");
const { Queue } = require("bullmq");

async function archive(queue, file) {
  const jobs = await queue.getJobs(["failed"], 0, 999, true);
  fs.writeSync(file, JSON.stringify(jobs));
  fs.fsyncSync(file);
}

async function clean(path) {
  const { hostname, port } = new URL(process.env.REDIS_URL);
  const queue = new Queue("nova-email", { connection: { host: hostname, port: Number(port) } });
  await queue.waitUntilReady();
  const file = path ? fs.openSync(path, "w") : null;
  const began = process.hrtime.bigint();
  do {
    if (file) await archive(queue, file);
  } while ((await queue.clean(0, 1000, "failed")).length === 1000);
  console.log(Number(process.hrtime.bigint() - began) / 1e9);
  await queue.close();
}

clean(process.argv[2]);
