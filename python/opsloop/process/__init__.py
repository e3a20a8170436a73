"""Code shared by the long-running programs of opsloop: worker and relay.

- `program` runs one until it ends: signals, garbage collection, exit codes;
- `mode` says when it ends by itself, `stopping` that it was asked to;
- `link` is a database connection that comes back by itself, `session` the connection as it is now;
- `disowning` gives back what claims took whose answers were lost, `counts` tells the database what was counted;
- `watching` lets metrics and traces see each run;
- `outlet` keeps what cannot be written from deciding over what is done;
- `logs` is its log, `identity` the name of one incarnation.
"""
