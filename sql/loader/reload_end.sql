-- After the routines were loaded between releases: a ledger row for it. The newest row with a digest says what is
-- loaded, so going back to earlier routines renews the row of their first load.
insert into opsloop_schema_change (change, code_digest)
values (current_setting('opsloop.change'), current_setting('opsloop.code_digest'))
on conflict (change) do update
  set installed_at = excluded.installed_at,
      installed_by = excluded.installed_by;
