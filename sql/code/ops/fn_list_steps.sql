create or replace function fn_list_steps(
  p_mission_id uuid default null,
  p_limit integer default 50,
  p_status text default null,
  p_filter jsonb default '{}'
)
returns table (
  step_id uuid,
  mission_id uuid,
  "position" integer,
  key text,
  kind text,
  executor text,
  status text,
  attempt integer,
  failure_count integer,
  worker_id text,
  wait_reason text,
  last_error text,
  run_after timestamptz,
  lease_expires_at timestamptz,
  reserved_at timestamptz,
  created_at timestamptz,
  updated_at timestamptz
)
language plpgsql
stable
security definer
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Steps for people to read: those of one mission in their order, else the newest by primary key (ids are ordered by
-- time). There is no index on status, on purpose: without a mission, what p_status and p_filter ask for is looked for
-- among the newest 10,000, but for steps that wait, which are found however old.
-- Locks: none. Writes: nothing. Raises: OP012, OP083 for an unknown mission, OP018 for a limit, status or filter that
-- cannot be.
declare
  v_filter constant jsonb := coalesce(nullif(p_filter, 'null'), '{}');
  v_ids uuid[];
begin
  perform _check_list(p_limit, p_status,
    array['blocked', 'queued', 'running', 'waiting', 'succeeded', 'failed', 'cancelled', 'skipped']);
  if p_mission_id is not null and not exists (select from ops_missions m where m.id = p_mission_id) then
    perform _raise_unknown('mission', p_mission_id);
  end if;
  if p_mission_id is not null and v_filter = '{}' then
    v_ids := array(select i.id from ops_mission_steps i
                    where i.mission_id = p_mission_id and (p_status is null or i.status = p_status)
                    order by i.position, i.id
                    limit p_limit);
  else
    v_ids := _matching_steps(
      v_filter || case when p_status is null then '{}' else jsonb_build_object('status', p_status) end
               || case when p_mission_id is null then '{}' else jsonb_build_object('mission_id', p_mission_id) end,
      p_limit, case when p_status is null and v_filter = '{}' then p_limit else 10000 end);
  end if;
  return query
  select s.id, s.mission_id, s.position, s.key, s.kind, s.executor, s.status, s.attempt, s.failure_count, s.worker_id,
         s.wait_reason, s.last_error, s.run_after, s.lease_expires_at, s.reserved_at, s.created_at, s.updated_at
    from ops_mission_steps s
   where s.id = any (v_ids)
   order by case when p_mission_id is not null then s.position end,
            case when p_mission_id is not null then s.id end,
            s.id desc;
end;
$$;
comment on function fn_list_steps(uuid, integer, text, jsonb) is
  'Lists up to p_limit (1 to 1000) steps: those of one mission in order, else the newest first; p_status null means '
  'any. p_filter: {"ids", "status", "kind", "executor", "source", "mission_id", "key", "error", "code", "group" (of '
  'fn_group_failures), "since", "until" (changed), "before" (an id)}; * in a text stands for any characters, status '
  'open for all that has not ended. Looked for among the newest 10,000, those that wait among all.';
