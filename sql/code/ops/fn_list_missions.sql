create or replace function fn_list_missions(
  p_limit integer default 20,
  p_status text default null,
  p_mission_id uuid default null,
  p_filter jsonb default '{}'
)
returns table (
  mission_id uuid,
  proposal_id uuid,
  title text,
  status text,
  priority smallint,
  steps_total integer,
  steps_open integer,
  steps_failed integer,
  error text,
  created_at timestamptz,
  started_at timestamptz,
  completed_at timestamptz,
  stuck text,
  parent_mission_id uuid
)
language plpgsql
stable
security definer
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Missions for people to read, newest first by primary key (ids are ordered by time). There is no index on status, on
-- purpose: p_status and p_filter select among the newest 10,000 missions, so that the cost is
-- bounded; missions that are stuck are found however old. stuck: what all its open steps wait for, where nothing of
-- that comes by itself; null for a mission that works, waits for a time or has ended. parent_mission_id: the mission of
-- the step that proposed it and waits for it.
-- Locks: none. Writes: nothing. Raises: OP018 for a limit, status or filter that cannot be.
declare
  v_filter constant jsonb := coalesce(nullif(p_filter, 'null'), '{}');
  v_ids uuid[];
begin
  perform _check_list(p_limit, p_status, array['approved', 'running', 'succeeded', 'failed', 'cancelled']);
  v_ids := _matching_missions(
    v_filter || case when p_status is null then '{}' else jsonb_build_object('status', p_status) end
             || case when p_mission_id is null then '{}' else jsonb_build_object('ids', array[p_mission_id]) end,
    p_limit, case when p_status is null and v_filter = '{}' then p_limit else 10000 end);
  return query
  select m.id, m.proposal_id, m.title, m.status, m.priority, m.steps_total, m.steps_open, m.steps_failed, m.error,
         m.created_at, m.started_at, m.completed_at, s.stuck,
         (select p.mission_id from ops_mission_steps p where p.id = m.parent_step_id)
    from ops_missions m
    left join _stuck_missions(array(select o.id from ops_missions o
                                     where o.id = any (v_ids) and o.status in ('approved', 'running'))) s
           on s.mission_id = m.id
   where m.id = any (v_ids)
   order by m.id desc;
end;
$$;
comment on function fn_list_missions(integer, text, uuid, jsonb) is
  'Lists up to p_limit (1 to 1000) missions, newest first; p_status null means any, p_mission_id asks for one. stuck '
  'says what all its open steps wait for, parent_mission_id in which mission a step waits for it. p_filter: {"ids", '
  '"status", "kind", "executor", "source", "title", "error", "code", "group" (of fn_group_failures), "stuck": true, '
  '"since", "until" (made), "before" (an id)}; * in a text stands for any characters, status open for approved and '
  'running. Looked for among the newest 10,000, stuck ones among all.';
