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
security definer
set search_path from current
as $$
-- What is paused on the fleet, or on a node by itself.
-- Locks: none. Writes: nothing. Raises: OP029, as a warning when a node is away.
begin
  return query
  with a as materialized (select * from _all_list_pauses())
  select p.scope, p.target, p.kill, p.reason, p.paused_by, p.paused_login, p.paused_at,
         (select coalesce(sum(n.parked), 0)::bigint from a n where n.scope = p.scope and n.target = p.target)
    from (select f.scope, f.target, f.kill, f.reason, f.paused_by, f.paused_login, f.paused_at from fleet_pauses f
          union all
          select distinct on (n.scope, n.target)
                 n.scope, n.target, n.kill, n.reason, n.paused_by, n.paused_login, n.paused_at
            from a n
           where not exists (select from fleet_pauses f where f.scope = n.scope and f.target = n.target)
          ) p
   order by p.paused_at, p.scope, p.target;
end;
$$;
