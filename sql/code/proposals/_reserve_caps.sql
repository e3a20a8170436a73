create or replace function _reserve_caps(
  p_sources text[],
  p_at timestamptz,
  p_caps jsonb,
  out busy boolean,
  out refusals text[],
  out untils timestamptz[]
)
language plpgsql
set search_path from current
as $$
-- Counts proposals of these sources, in this order, against the caps of the UTC day and hour of p_at, as if they came
-- one after the other; null entries of p_sources are skipped. refusals: the cap that each one met, null for those that
-- fit under every cap; null as a whole when all fit. untils: when the window of that cap ends, null for a cap of 0,
-- which no window opens. busy: a counter stayed locked by another transaction for 50 ms; then nothing is counted, all
-- are refused for now, and the caller may try again later. A counter is made when policy first sets its cap, with the
-- proposals that its window has by then. It counts until the window ends, also while policy sets no such cap, as the
-- cap may come back.
-- Locks: ops_cap_counters, the caps of all sources first, then those of each source by name; 50 ms at most for each.
-- Writes: ops_cap_counters. Raises: nothing.
declare
  v_utc timestamp;
  v_day timestamptz;
  v_hour timestamptz;
  v_timeout text;
  v_cap record;
  v_used integer;
  v_tight boolean := false;
  v_scopes text[] := '{}';
  v_room integer[] := '{}'::integer[];
  v_met text[] := '{}';
  v_ends timestamptz[] := '{}'::timestamptz[];
  v_counted text[] := p_sources;
begin
  busy := false;
  if coalesce(p_caps ->> 'daily_limit', p_caps ->> 'hourly_limit', nullif(p_caps ->> 'per_source', '{}')) is null
     and not exists (select from ops_cap_counters c where c.window_start > p_at - interval '24 hours') then
    return;
  end if;
  v_utc := p_at at time zone 'UTC';
  v_day := date_trunc('day', v_utc) at time zone 'UTC';
  v_hour := date_trunc('hour', v_utc) at time zone 'UTC';
  v_timeout := current_setting('lock_timeout');
  -- The exception block is the price of a wait of 50 ms at most; this is not the path of steps.
  begin
    perform set_config('lock_timeout', '50ms', true);
    for v_cap in
      select f.no, f.cap, f.scope, f.source, f.window_start, f.window_end, f.refusal, sum(s.wanted) as wanted
        from (select n.source, count(*) as wanted from unnest(p_sources) n (source)
              where n.source is not null group by 1) s
       cross join lateral _caps_in_force(p_caps, s.source, v_utc) f
       group by f.no, f.cap, f.scope, f.source, f.window_start, f.window_end, f.refusal
       order by f.source nulls first, f.no
    loop
      select c.used into v_used
        from ops_cap_counters c
       where c.scope = v_cap.scope and c.window_start = v_cap.window_start
         for update;
      if not found then
        v_used := _open_cap_counter(v_cap.scope, v_cap.window_start, v_cap.window_end, v_cap.source);
      end if;
      v_tight := v_tight or v_cap.cap - v_used < v_cap.wanted;
      v_scopes := v_scopes || v_cap.source;
      v_room := v_room || greatest(v_cap.cap - v_used, 0);
      v_met := v_met || v_cap.refusal;
      v_ends := v_ends || case when v_cap.cap > 0 then v_cap.window_end end;
    end loop;

    if v_tight then
      -- Of several caps the one with the least room refuses; of those with equal room, the first. A proposal above the
      -- caps of its source takes no room under the caps of all.
      with cap as materialized (
        select distinct on (c.source) c.source, c.room, c.met, c.until
          from unnest(v_scopes, v_room, v_met, v_ends) with ordinality c (source, room, met, until, no)
         order by c.source, c.room, c.no
      ), asking as (
        select n.source, n.ord, row_number() over (partition by n.source order by n.ord) > c.room as over_own, c.met,
               c.until
          from unnest(p_sources) with ordinality n (source, ord)
          left join cap c on c.source = n.source
      ), counted as (
        select a.*, count(*) filter (where a.source is not null and a.over_own is not true)
                    over (order by a.ord rows between unbounded preceding and 1 preceding) as before
          from asking a
      )
      select array_agg(case when n.source is null then null when n.before >= c.room then c.met when n.over_own
                       then n.met end
                       order by n.ord),
             array_agg(case when n.source is null then null when n.before >= c.room then c.until when n.over_own
                       then n.until end
                       order by n.ord)
        into refusals, untils
        from counted n
        left join cap c on c.source is null;
      select array_agg(case when n.refusal is null then n.source end) into v_counted
        from unnest(p_sources, refusals) n (source, refusal);
    end if;

    update ops_cap_counters c
       set used = c.used + g.granted
      from (select w.scope, w.window_start, sum(s.granted)::integer as granted
              from (select n.source, count(*) as granted from unnest(v_counted) n (source)
                    where n.source is not null group by 1) s
             cross join lateral (values ('day', v_day), ('day:' || s.source, v_day), ('hour', v_hour),
                                 ('hour:' || s.source, v_hour))
                   w (scope, window_start)
             group by 1, 2) g
     where c.scope = g.scope and c.window_start = g.window_start;
  exception when lock_not_available then
    busy := true;
    refusals := array(select case when n.source is not null
                      then 'a cap counter is busy; the next heartbeat gates it' end
                        from unnest(p_sources) with ordinality n (source, ord) order by n.ord);
  end;
  perform set_config('lock_timeout', v_timeout, true);
end;
$$;
