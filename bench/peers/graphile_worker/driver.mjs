// graphile-worker: its own worker, `run()`, with batches in all three places where it knows them.
//
// Settings for throughput. All are documented, most in «Performance» of its manual; they were compared by the processor
// time that server and workers spent per job, and by the best of several drains, on two cores that others used too:
// - localQueue.size 2,000: so many jobs are claimed at a time, and deleted at a time: each is a commit that waits for the
//   disk. With 500 (its own performance test), 1,000 and 5,000 the processor time was the same within the noise, with
//   20,000 it was more.
// - completeJobBatchDelay and failJobBatchDelay 0: what ended in one turn of the event loop is deleted in one statement.
//   5 ms made no difference: no-op jobs of a whole local queue end in one turn.
// - concurrentJobs 24, as in its own performance test. 1, 4, 10 and 100 made no difference to jobs that wait for nothing.
// - Two processes. One and four were not faster; one costs no less per job.
// Bulk: its SQL function add_jobs(), 5,000 at a time, from two processes; 1,000 is as fast, 20,000 and one process are
// not. Its JavaScript addJobs() is slower by a third to a half: it fetches every row that it wrote.
// Single: its SQL function add_job(), prepared, one connection. Its JavaScript addJob() is that, not prepared.
// Latency: a worker that sleeps is woken by NOTIFY. With a local queue, batches or more concurrency it is no faster.
//
// It asks for Node.js 22 since 0.18, but nothing used here needs it: it was tried with 20.
import { Logger, makeWorkerUtils, run } from "graphile-worker";
import pg from "pg";
import {
  Unsupported,
  batches,
  main,
  now,
  parseDsn,
  share,
  sleep,
  tally,
  timeDrain,
  timeEnqueue,
  timePickups,
  versionOf,
} from "../common.mjs";

// For the worker processes, which read it when they import: no line per job, as in its own performance test.
process.env.NO_LOG_SUCCESS = "1";

const TASK = "noop";
const BEST = { workers: 2, concurrentJobs: 24, localQueue: 2_000, completeJobBatchDelay: 0 };
const BULK = { processes: 2, batch: 5_000 };
const JOBS = "graphile_worker._private_jobs";
const ADD_JOB = { name: "one", text: "select graphile_worker.add_job($1, $2::json)", values: [TASK, "{}"] };
const ADD_JOBS = {
  name: "many",
  text: `select count(*) from graphile_worker.add_jobs(
           array(select json_populate_recordset(null::graphile_worker.job_spec, $1::json)))`,
};

/** A connection beside graphile-worker's: for counting and verifying. */
async function connect(dsn) {
  const client = new pg.Client(parseDsn(dsn));
  await client.connect();
  return client;
}

function pool(dsn, max) {
  const made = new pg.Pool({ ...parseDsn(dsn), max });
  made.on("error", (error) => console.error(error));
  made.on("connect", (client) => client.on("error", (error) => console.error(error)));
  return made;
}

async function setup({ dsn }) {
  const pgPool = pool(dsn, 1);
  const tools = await makeWorkerUtils({ pgPool, logger: new Logger(() => () => {}) });
  await tools.migrate();
  await tools.release();
  await pgPool.end();
  return { ok: true };
}

async function drain({ dsn, n, workers = BEST.workers, set }) {
  await setup({ dsn });
  const localQueue = Math.min(BEST.localQueue, share(n, workers));
  const settings = { ...BEST, workers, localQueue, ...set };
  const client = await connect(dsn);
  const count = async () => (await client.query(`select count(*)::int as jobs, max(id)::text as last from ${JOBS}`)).rows[0];
  if ((await count()).jobs !== 0) throw new Error("the queue is not empty");
  await timeEnqueue({ processes: 1, task: { kind: "bulk", dsn, n, batch: BULK.batch } });
  await client.query(`vacuum analyze ${JOBS}`);
  const { jobs, last } = await count();
  if (jobs !== n) throw new Error(`${jobs} jobs in the table instead of ${n}`);
  const lastDone = { name: "last", text: `select 1 from ${JOBS} where id = $1`, values: [last] };
  const took = await timeDrain({
    workers: settings.workers,
    task: { kind: "drain", dsn, settings },
    n,
    lastDone: async () => (await client.query(lastDone)).rowCount === 0,
    allDone: async () => (await client.query(`select 1 from ${JOBS} limit 1`)).rowCount === 0,
  });
  // Done jobs are deleted, failed ones are not: an empty table is all done.
  const done = jobs - (await count()).jobs;
  await client.end();
  return { n, ...took, done, settings: { ...settings, counted: "rows gone from _private_jobs" } };
}

async function enqueue({ dsn, n, mode = "single", batch = BULK.batch, set }) {
  await setup({ dsn });
  const client = await connect(dsn);
  const settings = mode === "bulk" ? { ...BULK, batch, ...set } : { processes: 1, batch: 1, ...set };
  const task = { kind: mode, dsn, n, ...settings };
  const seconds = await timeEnqueue({ processes: settings.processes, task });
  const { rows } = await client.query(`select count(*)::int as jobs from ${JOBS}`);
  await client.end();
  if (rows[0].jobs !== n) throw new Error(`${rows[0].jobs} jobs in the table instead of ${n}`);
  return { n, seconds, settings: { call: mode === "bulk" ? "add_jobs" : "add_job", ...settings } };
}

async function latency({ dsn, n, set }) {
  await setup({ dsn });
  const settings = { concurrentJobs: 1, localQueue: -1, completeJobBatchDelay: -1, ...set };
  const client = await connect(dsn);
  const task = { kind: "latency", dsn, settings };
  const ms = await timePickups({ n, task, enqueue: () => client.query(ADD_JOB) });
  const { rowCount } = await client.query(`select 1 from ${JOBS} limit 1`);
  await client.end();
  if (rowCount !== 0) throw new Error("not every job was completed");
  return { n, ms, settings };
}

/** What a worker process does: the peer's worker, or one that enqueues. */
async function work(task, tell) {
  if (task.kind === "bulk" || task.kind === "single") return enqueuer(task);
  const { concurrentJobs, localQueue, completeJobBatchDelay, maxPoolSize } = task.settings;
  const pgPool = pool(task.dsn, maxPoolSize ?? concurrentJobs + 2);
  const seen = tally(tell);
  let handled = 0;
  const handlers = {
    drain: (_, helpers) => {
      seen.one(helpers.job.id);
    },
    latency: () => {
      tell("stamp", now());
      handled += 1;
    },
  };
  await (await pgPool.connect()).release();
  let runner;
  return {
    async start() {
      runner = await run({
        pgPool,
        noHandleSignals: true,
        logger: new Logger(() => (level, text) => level === "error" && console.error(text)),
        taskList: { [TASK]: handlers[task.kind] },
        parsedCronItems: [],
        preset: {
          worker: {
            concurrentJobs,
            localQueue: { size: localQueue },
            completeJobBatchDelay,
            failJobBatchDelay: completeJobBatchDelay,
          },
        },
      });
      if (task.kind === "latency") {
        await sleep(500); // until it listens
        tell("started");
      }
    },
    async stop() {
      await runner.stop();
      await pgPool.end();
    },
    result: () => (task.kind === "latency" ? handled : seen.result()),
  };
}

/** Enqueues one by one or many at a time, by the SQL functions of graphile-worker. */
async function enqueuer(task) {
  const client = await connect(task.dsn);
  const calls = {
    single: () => client.query(ADD_JOB),
    bulk: (size) => {
      const specs = Array.from({ length: size }, () => ({ identifier: TASK, payload: {} }));
      return client.query({ ...ADD_JOBS, values: [JSON.stringify(specs)] });
    },
  };
  const worker = {
    async start() {
      worker.finished = (async () => {
        for (const size of batches(task)) await calls[task.kind](size);
      })();
    },
    stop: () => client.end(),
    result: () => task.n,
  };
  return worker;
}

await main({
  work,
  verbs: {
    versions: () => ({
      system: "graphile-worker",
      version: versionOf("graphile-worker"),
      needs: `Node.js ${process.version}, pg ${versionOf("pg")}`,
    }),
    setup,
    drain,
    enqueue,
    latency,
    sequential: () => {
      throw new Unsupported("graphile-worker is a job queue: it has no workflows, and no job waits for another's result");
    },
  },
});
