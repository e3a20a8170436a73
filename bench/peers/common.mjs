// What the drivers of the peers that run on Node.js have in common: options, connection strings, worker processes,
// and the timing and verification of a drain. Only builtins of Node.js: packages are found from where a driver lies.
//
// A driver calls main() with its verbs. It also serves as its own worker process: main() forks the same file with the
// verb "worker", and the two speak over Node's own channel between processes.
import { fork } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const POLL_MS = 10;
const PATIENCE_MS = 900_000;

/** Pick-ups before those that count. */
export const WARM_UP = 10;

/** Milliseconds of the machine's monotonic clock, which all its processes share. */
export const now = () => Number(process.hrtime.bigint()) / 1e6;

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Says why something cannot be done; main() passes it on as an answer, not as a failure. */
export class Unsupported extends Error {}

/**
 * Where a connection string leads, as node-postgres takes it. Reads what libpq reads: postgresql://user:password@host:port/db,
 * each part of it optional, and the same as ?host=…&port=…&user=…; a host that begins with a slash is the directory of a
 * Unix socket. (URL() of Node.js refuses a URL with a user and no host, and node-postgres ignores some of the rest.)
 */
export function parseDsn(dsn) {
  const form = /^postgres(?:ql)?:\/\/(?:([^:@/?]*)(?::([^@/?]*))?@)?(\[[^\]]*\]|[^:/?]*)(?::(\d*))?(?:\/([^?]*))?(?:\?(.*))?$/;
  const found = form.exec(dsn);
  if (!found) throw new Error("--dsn is not a postgresql:// URL");
  const [user, password, host, port, database] = found.slice(1, 6).map((part) => part && decodeURIComponent(part));
  const also = Object.fromEntries(new URLSearchParams(found[6] ?? ""));
  const target = {
    host: also.host || host?.replace(/^\[|\]$/g, "") || "localhost",
    port: Number(also.port || port || 5432),
    user: also.user || user || process.env.PGUSER || process.env.USER || "postgres",
    database: also.dbname || database || also.user || user || "postgres",
  };
  const secret = also.password || password;
  return secret ? { ...target, password: secret } : target;
}

/** The version of an installed package. */
export function versionOf(name) {
  const described = join(dirname(process.argv[1]), "node_modules", name, "package.json");
  return JSON.parse(readFileSync(described, "utf8")).version;
}

/** `--name value` pairs as an object; numbers as numbers. `--set '{"batch": 1}'` overrides a setting, for trials. */
function options(words) {
  const given = {};
  for (let i = 0; i < words.length; i += 2) {
    if (!words[i].startsWith("--") || words[i + 1] === undefined) throw new Error(`not an option and its value: ${words[i]}`);
    const value = words[i + 1];
    given[words[i].slice(2)] = /^\d+$/.test(value) ? Number(value) : value;
  }
  return { ...given, set: given.set ? JSON.parse(given.set) : {} };
}

/** Runs the verb named on the command line and prints what it returns as the last line, as JSON. */
export async function main({ verbs, work }) {
  const [verb, ...words] = process.argv.slice(2);
  if (verb === "worker") return serve(work);
  try {
    if (!Object.hasOwn(verbs, verb)) throw new Error(`no such verb: ${verb}; there are: ${Object.keys(verbs).join(", ")}`);
    print(await verbs[verb](options(words)));
  } catch (error) {
    if (error instanceof Unsupported) return print({ unsupported: error.message });
    console.error(error);
    process.exitCode = 1;
  }
  // A pool that nobody closed would keep the process alive.
  setTimeout(() => process.exit(), 5_000).unref();
}

function print(result) {
  console.log(JSON.stringify(result));
}

/** A worker process: makes the peer's worker ready, starts it when told, and tells what it handled when it stops. */
async function serve(work) {
  const first = await message(process, "task");
  process.on("disconnect", () => process.exit(1)); // the driver is gone
  const tell = (kind, value) => process.send({ kind, value });
  const worker = await work(first, tell);
  tell("ready");
  await message(process, "go");
  await worker.start();
  const stopped = message(process, "stop");
  if (worker.finished) await worker.finished;
  else await stopped;
  await worker.stop();
  tell("result", worker.result());
  await message(process, "bye");
  process.exit(0);
}

function message(channel, kind) {
  return new Promise((resolve) => {
    channel.on("message", function listen(received) {
      if (received.kind !== kind) return;
      channel.off("message", listen);
      resolve(received.value);
    });
  });
}

/**
 * Starts `count` worker processes with `task`, hands them to `use` when all are ready to start, and ends them.
 * Whatever goes wrong in one of them fails the whole.
 */
async function withWorkers(count, task, use) {
  const children = Array.from({ length: count }, () =>
    // What a worker prints goes to stderr: stdout is for the answer.
    fork(process.argv[1], ["worker"], { serialization: "advanced", stdio: ["ignore", 2, 2, "ipc"] }),
  );
  let over = false;
  const failure = new Promise((_, reject) => {
    for (const child of children) {
      child.on("exit", (code, signal) => over || reject(new Error(`a worker process ended: ${signal ?? code}`)));
    }
    setTimeout(() => reject(new Error(`not done within ${PATIENCE_MS / 1000} s`)), PATIENCE_MS).unref();
  });
  const all = (kind) => Promise.all(children.map((child) => message(child, kind)));
  const say = (kind, value) => children.forEach((child) => child.send({ kind, value }));
  const run = async () => {
    const ready = all("ready");
    children.forEach((child, number) => child.send({ kind: "task", value: { ...task, number, count } }));
    await ready;
    return use({ children, all, say });
  };
  try {
    return await Promise.race([run(), failure]);
  } finally {
    over = true;
    for (const child of children) {
      if (child.connected) child.send({ kind: "bye" });
      setTimeout(() => child.kill("SIGKILL"), 5_000).unref();
    }
  }
}

/**
 * Times a drain by `workers` processes. `lastDone` is the query of every 10 ms: whether the job enqueued last is done, by
 * its key; when it is, `allDone` answers for all. From the start of the first handler in any process to the first poll
 * that saw all done. Then compares what the handlers saw with what was enqueued: each exactly once.
 */
export async function timeDrain({ workers, task, n, lastDone, allDone }) {
  const { first, went, ended, handled } = await withWorkers(workers, task, async ({ children, all, say }) => {
    const firsts = children.map((child) => message(child, "first"));
    const results = all("result");
    const went = now();
    say("go");
    const first = Promise.race(firsts);
    while (!(await lastDone())) await sleep(POLL_MS);
    while (!(await allDone())) await sleep(POLL_MS);
    const ended = now();
    say("stop");
    const handled = await results;
    // A process that got nothing to do never says when it began.
    const times = handled.map((result) => result.first).filter((time) => time !== null);
    await first;
    return { first: Math.min(...times), went, ended, handled };
  });
  const total = handled.reduce((sum, result) => sum + result.ids.length, 0);
  const different = new Set(handled.flatMap((result) => result.ids)).size;
  if (total !== n || different !== n) {
    throw new Error(`not every job ran exactly once: ${n} enqueued, ${total} handled, ${different} different`);
  }
  return {
    seconds: (ended - first) / 1000,
    seconds_with_first_claim: (ended - went) / 1000,
    handled_per_worker: handled.map((result) => result.ids.length),
  };
}

/** What a drain's handlers keep: the jobs' keys, and when the first began. */
export function tally(tell) {
  const seen = { ids: [], first: null };
  const begin = () => {
    seen.first = now();
    tell("first");
  };
  return {
    one(id) {
      if (seen.first === null) begin();
      seen.ids.push(id);
    },
    result: () => seen,
  };
}

/** Times enqueueing by `processes` processes, from the moment all are told to begin to the end of the last one. */
export async function timeEnqueue({ processes, task }) {
  return withWorkers(processes, task, async ({ all, say }) => {
    const results = all("result");
    const began = now();
    say("go");
    await results;
    return (now() - began) / 1000;
  });
}

/** A size of batches that leaves at least five to each of `takers`, so that all have work until near the end. */
export const share = (n, takers) => Math.max(1, Math.floor(n / takers / 5));

/** Splits what process `number` of `count` enqueues of `n` jobs into batches. */
export function* batches({ n, number, count, batch }) {
  const mine = Math.floor((n * (number + 1)) / count) - Math.floor((n * number) / count);
  for (let left = mine; left > 0; left -= batch) yield Math.min(batch, left);
}

/** Each of `n` pick-ups on an idle worker, in ms: from just before `enqueue` is called to the start of the handler. */
export async function timePickups({ n, task, enqueue }) {
  return withWorkers(1, task, async ({ children: [child], say }) => {
    const started = message(child, "started");
    say("go");
    await started;
    const ms = [];
    for (let i = 0; i < n + WARM_UP; i++) {
      await sleep(50);
      const stamped = message(child, "stamp");
      const began = now();
      await enqueue();
      ms.push((await stamped) - began);
    }
    const result = message(child, "result");
    say("stop");
    if ((await result) !== n + WARM_UP) throw new Error("not every job ran exactly once");
    return ms.slice(WARM_UP);
  });
}
