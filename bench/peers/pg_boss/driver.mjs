// pg-boss: fetch() and complete() in a loop, the calls that its work() is made of.
//
// Settings for throughput. All are documented; they were compared by the processor time that server and workers spent per
// job, and by the best of several drains, on two cores that others used too:
// - batches of 2,000 by fetch({ batchSize }), completed by one complete(ids). 200, 500 and 1,000 cost the server a little
//   more, 4,000 and 5,000 no less or hardly less, and the claim of the first batch is not in the time (that is why there
//   is `seconds_with_first_claim`).
// - two loops at a time in each process: one talks to the server while the other waits for the disk.
// - work() with batchSize, localConcurrency and burstWhenBatchFull, which does not sleep while there is work, costs its
//   process twice the time: it gives each job an AbortSignal, and compares the attempt of each in complete().
// - the queue in a table of its own (`partition`), which saves little.
// - no maintenance, schedules, registry or telemetry in the measured processes: others would do these.
// - Two processes. One and four were not faster.
// Bulk: insert(), 5,000 at a time, from two processes; 1,000 and 20,000 are as fast. Single: send(), one connection.
// Latency: work() with LISTEN/NOTIFY (`useListenNotify`, and `notify` of the queue), one job at a time.
//
// It asks for Node.js 22.12, but nothing used here needs it: it was tried with 20.
// package.json overrides one dependency, which is for schedules: not every registry has the version asked for.
import pg from "pg";
import { PgBoss } from "pg-boss";
import {
  Unsupported,
  WARM_UP,
  batches,
  main,
  now,
  parseDsn,
  share,
  tally,
  timeDrain,
  timeEnqueue,
  timePickups,
  versionOf,
} from "../common.mjs";

const BEST = { workers: 2, by: "fetch", batch: 2_000, loops: 2, partition: true };
const BULK = { processes: 2, batch: 5_000, partition: true };

/** A connection beside pg-boss's: for counting and verifying. */
async function connect(dsn) {
  const client = new pg.Client(parseDsn(dsn));
  await client.connect();
  return client;
}

/** An instance that does nothing of its own accord: no maintenance, no schedules, nothing measured or registered. */
function boss(dsn, more = {}) {
  const made = new PgBoss({
    ...parseDsn(dsn),
    supervise: false,
    schedule: false,
    migrate: false,
    registerInstance: false,
    openTelemetry: { enabled: false },
    ...more,
  });
  made.on("error", (error) => console.error(error));
  made.on("warning", (warning) => console.error(warning));
  return made.start();
}

async function setup({ dsn }) {
  await (await boss(dsn, { migrate: true, max: 1 })).stop();
  return { ok: true };
}

/** A queue of its own for each measurement; gives its name and the table of its jobs. */
async function queue(dsn, { partition = false, notify = false } = {}) {
  await setup({ dsn });
  const instance = await boss(dsn, { max: 1 });
  const name = `bench_${Date.now()}`;
  await instance.createQueue(name, { partition, notify });
  const { table } = await instance.getQueue(name);
  await instance.stop();
  return { name, jobs: `pgboss.${table}` };
}

/** Verifies in the table that `n` jobs were completed, each at the first attempt. */
async function completed(dsn, name, jobs, n) {
  const client = await connect(dsn);
  const { rows } = await client.query(
    `select count(*)::int as jobs, count(*) filter (where state = 'completed' and retry_count = 0)::int as done
     from ${jobs} where name = $1`,
    [name],
  );
  await client.end();
  const [{ jobs: all, done }] = rows;
  if (all !== n || done !== n) throw new Error(`${done} of ${all} jobs completed instead of ${n}`);
  return done;
}

async function drain({ dsn, n, workers = BEST.workers, batch, set }) {
  const most = Math.min(BEST.batch, share(n, workers * BEST.loops));
  const settings = { ...BEST, workers, batch: batch ?? most, ...set };
  const { name, jobs } = await queue(dsn, settings);
  await timeEnqueue({ processes: 1, task: { kind: "bulk", dsn, name, n, batch: BULK.batch } });
  const client = await connect(dsn);
  await client.query(`vacuum analyze ${jobs}`);
  const last = await client.query(
    `select id from ${jobs} where name = $1 order by created_on desc, ctid desc limit 1`,
    [name],
  );
  const lastDone = {
    name: "last",
    text: `select 1 from ${jobs} where name = $1 and id = $2 and state = 'completed'`,
    values: [name, last.rows[0].id],
  };
  const left = { text: `select 1 from ${jobs} where name = $1 and state <> 'completed' limit 1`, values: [name] };
  const took = await timeDrain({
    workers: settings.workers,
    task: { kind: "drain", dsn, name, settings },
    n,
    lastDone: async () => (await client.query(lastDone)).rowCount === 1,
    allDone: async () => (await client.query(left)).rowCount === 0,
  });
  await client.end();
  const done = await completed(dsn, name, jobs, n);
  return { n, ...took, done, settings: { ...settings, counted: "rows with state = completed" } };
}

async function enqueue({ dsn, n, mode = "single", batch = BULK.batch, set }) {
  const settings = mode === "bulk" ? { ...BULK, batch, ...set } : { processes: 1, partition: BULK.partition, ...set };
  const { name, jobs } = await queue(dsn, settings);
  const seconds = await timeEnqueue({ processes: settings.processes, task: { kind: mode, dsn, name, n, ...settings } });
  const client = await connect(dsn);
  const { rows } = await client.query(`select count(*)::int as jobs from ${jobs} where name = $1`, [name]);
  await client.end();
  if (rows[0].jobs !== n) throw new Error(`${rows[0].jobs} jobs in the table instead of ${n}`);
  return { n, seconds, settings: { call: mode === "bulk" ? "insert" : "send", ...settings } };
}

async function latency({ dsn, n, set }) {
  const settings = { listenNotify: true, pollingIntervalSeconds: 0.5, partition: true, ...set };
  const { name, jobs } = await queue(dsn, { partition: settings.partition, notify: settings.listenNotify });
  const instance = await boss(dsn, { max: 1, useListenNotify: settings.listenNotify });
  const ms = await timePickups({
    n,
    task: { kind: "latency", dsn, name, settings },
    enqueue: () => instance.send(name, {}),
  });
  await instance.stop();
  await completed(dsn, name, jobs, n + WARM_UP);
  return { n, ms, settings };
}

/** What a worker process does: fetch and complete, or work(), or enqueue. */
async function work(task, tell) {
  if (task.kind === "bulk" || task.kind === "single") return enqueuer(task);
  if (task.kind === "latency") return listener(task, tell);
  return task.settings.by === "fetch" ? fetcher(task, tell) : worker(task, tell);
}

/** Loops of fetch(batch) and complete(ids), the calls of which work() is made, without its timers and signals. */
async function fetcher({ dsn, name, settings: { batch, loops } }, tell) {
  const instance = await boss(dsn, { max: loops });
  const seen = tally(tell);
  let stopped = false;
  async function loop() {
    while (!stopped) {
      const jobs = await instance.fetch(name, { batchSize: batch });
      if (jobs.length === 0) return; // all are claimed: none come in any more
      for (const job of jobs) seen.one(job.id);
      await instance.complete(name, jobs.map((job) => job.id));
    }
  }
  let running;
  return {
    async start() {
      running = Promise.all(Array.from({ length: loops }, loop));
    },
    async stop() {
      stopped = true;
      await running;
      await instance.stop();
    },
    result: seen.result,
  };
}

async function worker({ dsn, name, settings: { batch, loops } }, tell) {
  const instance = await boss(dsn, { max: loops });
  const seen = tally(tell);
  return {
    async start() {
      const options = { batchSize: batch, localConcurrency: loops, burstWhenBatchFull: true, pollingIntervalSeconds: 0.5 };
      await instance.work(name, options, async (jobs) => {
        for (const job of jobs) seen.one(job.id);
      });
    },
    stop: () => instance.stop(),
    result: seen.result,
  };
}

async function listener({ dsn, name, settings }, tell) {
  const instance = await boss(dsn, { max: 2, useListenNotify: settings.listenNotify });
  let handled = 0;
  return {
    async start() {
      await instance.work(name, { pollingIntervalSeconds: settings.pollingIntervalSeconds }, async () => {
        tell("stamp", now());
        handled += 1;
      });
      tell("started");
    },
    stop: () => instance.stop(),
    result: () => handled,
  };
}

async function enqueuer(task) {
  const instance = await boss(task.dsn, { max: 1 });
  const single = async () => {
    for (let i = 0; i < task.n; i++) await instance.send(task.name, {});
  };
  const bulk = async () => {
    for (const size of batches(task)) await instance.insert(task.name, Array.from({ length: size }, () => ({ data: {} })));
  };
  const make = { bulk, single };
  const made = {
    async start() {
      made.finished = make[task.kind]();
    },
    stop: () => instance.stop(),
    result: () => task.n,
  };
  return made;
}

await main({
  work,
  verbs: {
    versions: () => ({
      system: "pg-boss",
      version: versionOf("pg-boss"),
      needs: `Node.js ${process.version}, pg ${versionOf("pg")}`,
    }),
    setup,
    drain,
    enqueue,
    latency,
    sequential: () => {
      throw new Unsupported(
        "pg-boss has no workflows; jobs that wait for others (flow) are freed in a pass of its own, once a second at most",
      );
    },
  },
});
