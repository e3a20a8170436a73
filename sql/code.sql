-- Table of contents of the routines: every file in sql/code, grouped by area, in any order (bodies are checked by
-- the tests, not while loading). `make code-toc` rewrites the lines under the headings from the files there are.
-- Runs inside a transaction that sql/loader/begin.sql opened.
\ir loader/code_begin.sql

-- events: signals in, and the reactions they match (emit, match, react)

-- proposals: intents and the gate they pass (gate, approve, vote)

-- missions: approved work as graphs of steps (graph, finish, cancel)

-- steps: the work itself (claim, lease, complete, fail, recover)

-- policy: the versioned documents that decide (get, set, history, rollback, dry run)

-- locks: leader election with fencing tokens

-- outbox: side effects that become visible with the caller's commit

-- replay: replay log and dead letters

-- transitions: atomic transitions, handoffs, gates

-- subagents: checkers run in a phase

-- ops: running it (heartbeat, health, metrics, explain, pause, retention, invariants)
\ir code/ops/_now.sql

\ir loader/code_end.sql
\ir grants.sql
