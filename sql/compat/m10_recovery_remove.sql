-- Takes the layer m10_recovery back; the loop and its rows stay as they are. What somebody else put into the schema is
-- not touched, and keeps it there: then nothing is removed.
do $$
declare
  v_object text;
begin
  if obj_description(to_regnamespace('m10_recovery')::oid, 'pg_namespace')
     is distinct from 'opsloop compat of schema ' || quote_ident(current_schema()) then
    raise exception using errcode = 'OP012',
      message = format('OPS_012: schema %I has no compatibility layer m10_recovery', current_schema()),
      hint = 'opsloop compat list shows what is installed.';
  end if;
  for v_object in
    select format('function %s', p.oid::regprocedure) from pg_proc p
     where p.pronamespace = 'm10_recovery'::regnamespace
       and p.proname in ('acquire_lock', 'archive_dead_letter', 'claim_outbox_events', 'cleanup_expired_locks',
                         'complete_outbox_event', 'extend_lock', 'publish_outbox', 'record_replay', 'release_lock')
    union all
    select format('view %s', c.oid::regclass) from pg_class c
     where c.relnamespace = 'm10_recovery'::regnamespace and c.relkind = 'v'
       and c.relname in ('dead_letter_archive', 'distributed_locks', 'outbox', 'replay_log')
  loop
    execute 'drop ' || v_object;
  end loop;
  drop schema m10_recovery;
end;
$$;
