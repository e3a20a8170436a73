create or replace function _health_replay()
returns table (name text, at numeric, found text)
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- For fn_check_health and fn_metrics: dead letters of late.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_now timestamptz := _now();
  v_hour bigint;
  v_day bigint;
begin
  select count(*) filter (where d.dead_lettered_at > v_now - interval '1 hour'),
         count(*) filter (where d.dead_lettered_at > v_now - interval '1 day')
    into v_hour, v_day
    from (select l.dead_lettered_at from dead_letter_archive l order by l.id desc limit 1000) d;
  return query
  values ('opsloop_recent_dead_letters', v_hour::numeric, v_hour::text),
         ('opsloop_day_dead_letters', v_day, v_day::text);
end;
$$;
