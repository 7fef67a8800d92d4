// The queues of NovaPulse as its own code declares them: names, retry rules and what their jobs hold.
"use strict";

const KEPT = { removeOnComplete: { count: 100 }, removeOnFail: { count: 1000 } };
const EVENTS = ["invoice.paid", "contact.created", "workflow.finished", "report.ready"];

const QUEUES = {
  "nova-email": {
    job: "sendEmail",
    milliseconds: 400,
    options: { attempts: 5, backoff: { type: "exponential", delay: 2000 } },
    data: (n) => ({
      to: `customer${n}@example.com`,
      subject: `Your invoice ${n}`,
      template: "invoice",
      context: { firstName: "Ada", lastName: "Lovelace", invoiceId: `INV-${n}` },
    }),
    failure: "Invalid login: 535 5.7.8 Authentication credentials invalid",
  },
  "nova-webhook": {
    job: "dispatchWebhook",
    milliseconds: 300,
    options: { attempts: 3, backoff: { type: "exponential", delay: 1000 } },
    data: (n) => ({
      webhookId: "65f0c0ffee0000000000a001",
      url: "https://hooks.customer.example/novapulse?token=tok_5b1c9d",
      secret: "whsec_9f2d7c6b5a4e3f21",
      event: EVENTS[n % EVENTS.length],
      payload: { id: n, email: `customer${n}@example.com` },
    }),
    failure: "timeout of 10000ms exceeded",
  },
  "nova-workflow": {
    job: "executeWorkflow",
    milliseconds: 800,
    options: { attempts: 3, backoff: { type: "exponential", delay: 2000 } },
    data: (n) => ({ workflowId: `wf-${n % 17}`, companyId: "65f0c0ffee0000000000c001", trigger: "schedule" }),
    failure: "Workflow step 'send-contract' failed: Cannot read properties of undefined (reading 'email')",
  },
  "nova-report": {
    job: "generateReport",
    milliseconds: 2000,
    options: { attempts: 2, backoff: { type: "fixed", delay: 5000 } },
    data: (n) => ({ reportId: `rep-${n}`, kind: "monthly", requestedBy: `manager${n % 5}@example.com` }),
    failure: "MongoServerError: Executor error during find command :: caused by :: Sort exceeded memory limit",
  },
};

/** The connection that BullMQ wants, from a redis:// URL. */
function connection(url) {
  const { hostname, port, password } = new URL(url);
  return { host: hostname, port: Number(port), password: password || undefined, maxRetriesPerRequest: null };
}

/** Calls `act` with every line of JSON on standard input, and `end` when the other side has gone. */
function onOrders(act, end) {
  const lines = require("node:readline").createInterface({ input: process.stdin });
  lines.on("line", (line) => act(JSON.parse(line)));
  lines.on("close", end);
}

module.exports = { KEPT, QUEUES, connection, onOrders };
