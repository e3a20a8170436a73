-- After a schema change ran: its ledger row, in the same transaction. A release sets `opsloop.version`.
insert into opsloop_schema_change (change, version, code_digest)
values (
  current_setting('opsloop.change'),
  nullif(current_setting('opsloop.version', true), ''),
  case when current_setting('opsloop.version', true) <> ''
       then coalesce(nullif(current_setting('opsloop.code_digest', true), ''), 'unknown') end
);
