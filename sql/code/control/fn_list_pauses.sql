create or replace function fn_list_pauses()
returns table (
  scope text,
  target text,
  kill boolean,
  reason text,
  paused_by text,
  paused_login text,
  paused_at timestamptz,
  parked bigint
)
language plpgsql
stable
security definer
set search_path from current
as $$
-- The pauses in force, their authors and reasons, and how many steps each has parked (counted up to 10,000).
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  select p.scope, p.target, p.kill, p.reason, p.paused_by, p.paused_login, p.paused_at,
         (select count(*) from (select from ops_parked_steps s
                                 where s.waits_for = 'pause' and s.scope = p.scope and s.target = p.target
                                 limit 10000) n)
    from ops_pauses p
   order by p.paused_at, p.scope, p.target;
end;
$$;
comment on function fn_list_pauses() is
  'The pauses in force, their authors and reasons, oldest first; parked counts, up to 10,000, the ready steps that '
  'this took out of the queue.';
