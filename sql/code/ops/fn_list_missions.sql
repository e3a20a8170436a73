create or replace function fn_list_missions(
  p_limit integer default 20,
  p_status text default null,
  p_mission_id uuid default null
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
  completed_at timestamptz
)
language plpgsql
stable
security definer
set search_path from current
as $$
-- Missions for people to read, newest first by primary key (ids are ordered by time). There is no index on status, on
-- purpose: a status is looked for among the newest 10,000 missions, so that the cost is bounded.
-- Locks: none. Writes: nothing. Raises: OP018 for a limit or status that cannot be.
begin
  perform _check_list(p_limit, p_status, array['approved', 'running', 'succeeded', 'failed', 'cancelled']);
  return query
  select m.id, m.proposal_id, m.title, m.status, m.priority, m.steps_total, m.steps_open, m.steps_failed, m.error,
         m.created_at, m.started_at, m.completed_at
    from (select p_mission_id as id
           where p_mission_id is not null
          union all
          (select n.id
             from (select i.id, i.status from ops_missions i
                   where p_mission_id is null order by i.id desc limit 10000) n
            where p_status is null or n.status = p_status
            order by n.id desc
            limit p_limit)) newest
    join ops_missions m on m.id = newest.id
   where p_status is null or m.status = p_status
   order by m.id desc;
end;
$$;
comment on function fn_list_missions(integer, text, uuid) is
  'Lists up to p_limit (1 to 1000) missions, newest first; p_status null means any, p_mission_id asks for one. A '
  'status is looked for among the newest 10,000.';
