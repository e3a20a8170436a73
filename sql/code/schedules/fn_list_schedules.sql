create or replace function fn_list_schedules(p_limit integer default 50, p_name text default null)
returns table (
  name text,
  cron text,
  every_seconds integer,
  timezone text,
  event_type text,
  data jsonb,
  template jsonb,
  source text,
  overlap text,
  catch_up text,
  max_backlog integer,
  enabled boolean,
  paused boolean,
  starts_at timestamptz,
  ends_at timestamptz,
  next_at timestamptz,
  next_ticks timestamptz[],
  last_at timestamptz,
  last_outcome text,
  last_code text,
  last_reason text,
  failures integer,
  queued bigint,
  from_file boolean,
  set_by text,
  set_login text,
  updated_at timestamptz
)
language plpgsql
stable
security definer
set search_path from current
as $$
-- Schedules in order of name, or one of them; each with its next three ticks, as they will come if nothing changes, and
-- with the outcome of the last one. A paused schedule has ticks, too: catch_up decides on them.
-- Locks: none. Writes: nothing. Raises: OP018 for a limit that cannot be.
begin
  perform _check_list(p_limit);
  return query
  select s.name, s.cron, s.every_seconds, s.timezone, s.event_type, s.data, s.template, s.source, s.overlap, s.catch_up,
         s.max_backlog, s.enabled,
         exists (select from ops_pauses p where p.scope = 'schedule' and p.target = s.name),
         s.starts_at, s.ends_at, s.next_at,
         case when s.enabled then _ticks(s, greatest(s.seen_until, _now()), null, 3) else '{}'::timestamptz[] end,
         s.last_at, s.last_outcome, s.last_code, s.last_reason, s.failures,
         (select count(*) from ops_schedule_ticks t where t.schedule = s.name and t.outcome = 'queued'),
         s.from_file, s.set_by, s.set_login, s.updated_at
    from ops_schedules s
   where p_name is null or s.name = p_name
   order by s.name
   limit p_limit;
end;
$$;
comment on function fn_list_schedules(integer, text) is
  'Schedules in order of name, p_limit (1 to 1000, default 50) or the one that is named: when, what, the next three '
  'ticks, what became of the last one, and how many wait. OPS_018 for a limit that cannot be.';
