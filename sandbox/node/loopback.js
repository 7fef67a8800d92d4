// local-slack listens on every interface; loaded into it first (BUN_OPTIONS=--preload), this keeps it on loopback.
const serve = Bun.serve;
Bun.serve = (options) => serve({ ...options, hostname: "127.0.0.1" });
