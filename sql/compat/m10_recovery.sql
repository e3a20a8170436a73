-- The names of migration 022 over a loop: schema m10_recovery with its nine functions and four tables (views, here),
-- for scripts and dashboards that know no others. Installed and removed by itself, as the owner of the loop: `opsloop
-- compat install m10_recovery`, or   psql -v ON_ERROR_STOP=1 --single-transaction -c "set local opsloop.schema =
-- 'opsloop'" -f sql/compat/m10_recovery.sql Again after an upgrade does no harm. m10_recovery_remove.sql takes it back.
-- One loop per database can have it.
\ir ../loader/begin.sql
set local lock_timeout = '5s';
do $$
declare
  v_owner text := obj_description(to_regnamespace('m10_recovery')::oid, 'pg_namespace');
begin
  if to_regprocedure('fn_list_roles()') is null or to_regclass('replay_log') is null then
    raise exception using errcode = 'OP021',
      message = format('OPS_021: opsloop is not installed in schema %I, or too old', current_schema()),
      hint = 'opsloop migrate installs and upgrades it.';
  end if;
  if to_regnamespace('m10_recovery') is not null
     and v_owner is distinct from 'opsloop compat of schema ' || quote_ident(current_schema()) then
    raise exception using errcode = 'OP013',
      message = 'OPS_013: schema m10_recovery is there already, and not as the compatibility layer of this loop',
      detail = jsonb_build_object('comment', v_owner)::text,
      hint = 'Rename it, alter schema m10_recovery rename to m10_recovery_old, or remove the layer of the other loop.';
  end if;
  create schema if not exists m10_recovery;
  execute format('comment on schema m10_recovery is %L', 'opsloop compat of schema ' || quote_ident(current_schema()));
end;
$$;

create or replace view m10_recovery.distributed_locks with (security_invoker = true) as
select l.lock_name, l.holder_id, l.acquired_at, l.expires_at from distributed_locks l;

create or replace view m10_recovery.replay_log with (security_invoker = true) as
select l.id, l.original_msg_id, l.dl_msg_id, l.candidate_id, l.idempotency_key, l.new_msg_id, l.replayed_at,
  l.replayed_by
  from replay_log l;

create or replace view m10_recovery.dead_letter_archive with (security_invoker = true) as
select a.id, a.dl_msg_id, a.original_msg_id, a.candidate_id, a.failure_match_id, a.payload, a.reason, a.reclaim_count,
       a.dead_lettered_at, a.archived_at, a.archived_by
  from dead_letter_archive a;

create or replace view m10_recovery.outbox with (security_invoker = true) as
select o.id, o.aggregate_type, o.aggregate_id, o.event_type, o.payload, o.created_at, o.processed_at, o.retry_count,
       o.last_error,
       -- A retry holds back all that waits of the aggregate.
       case when o.processed_at is null then (
         select h.retry_at from outbox_heads h
          where h.aggregate_type = o.aggregate_type and h.aggregate_id = o.aggregate_id) end as process_after,
       -- The claim itself is not kept, only its end: this is when it was made, or extended last.
       case when o.processed_at is null then (
         select h.lease_expires_at - make_interval(secs => coalesce(
                  (select (p.value ->> 'lease_seconds')::double precision
                     from ops_policy p where p.key = 'outbox'), 60))
           from outbox_heads h
          where h.aggregate_type = o.aggregate_type and h.aggregate_id = o.aggregate_id and o.id = any (h.claimed)) end
         as claimed_at,
       case when o.processed_at is null then (
         select h.processor_id from outbox_heads h
          where h.aggregate_type = o.aggregate_type and h.aggregate_id = o.aggregate_id and o.id = any (h.claimed)) end
         as claimed_by,
       case when o.dead then 'failed' when o.processed_at is not null then 'processed'
            when exists (select from outbox_heads h
                          where h.aggregate_type = o.aggregate_type and h.aggregate_id = o.aggregate_id
                            and o.id = any (h.claimed) and h.processor_id is not null) then 'processing'
            else 'pending' end as status
  from outbox o;

\ir m10_recovery/acquire_lock.sql
\ir m10_recovery/archive_dead_letter.sql
\ir m10_recovery/claim_outbox_events.sql
\ir m10_recovery/cleanup_expired_locks.sql
\ir m10_recovery/complete_outbox_event.sql
\ir m10_recovery/extend_lock.sql
\ir m10_recovery/publish_outbox.sql
\ir m10_recovery/record_replay.sql
\ir m10_recovery/release_lock.sql

-- Nobody's but the roles' of the loop, whatever default privileges say. Views and functions work with the rights of the
-- caller, and so show and do no more for anybody than those of the loop would.
do $$
declare
  v_do text;
  v_roles text;
begin
  for v_do in
    select distinct format('revoke all on %s from %s', o.name,
                           case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end)
      from (select 'schema m10_recovery' as name, n.nspacl as acl, n.nspowner as owner
              from pg_namespace n where n.nspname = 'm10_recovery'
            union all
            select c.oid::regclass::text, c.relacl, c.relowner
              from pg_class c where c.relnamespace = 'm10_recovery'::regnamespace and c.relkind = 'v'
            union all
            select 'function ' || p.oid::regprocedure, coalesce(p.proacl, acldefault('f', p.proowner)), p.proowner
              from pg_proc p where p.pronamespace = 'm10_recovery'::regnamespace) o
     cross join lateral aclexplode(o.acl) a
     where a.grantee <> o.owner
  loop
    execute v_do;
  end loop;
  select string_agg(quote_ident(r.name), ', ') into v_roles from fn_list_roles() r where r.remedy is null;
  if v_roles is not null then
    execute format('grant usage on schema m10_recovery to %s', v_roles);
    execute format('grant select on all tables in schema m10_recovery to %s', v_roles);
    execute format('grant execute on all functions in schema m10_recovery to %s', v_roles);
  end if;
end;
$$;
