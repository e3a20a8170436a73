create or replace function _rehearse_caps(
  p_caps jsonb,
  p_since timestamptz,
  p_ats timestamptz[],
  p_sources text[],
  p_releases timestamptz[],
  p_asks boolean[],
  out outcomes text[],
  out rules text[],
  out reasons text[]
)
language plpgsql
stable
set search_path from current
as $$
-- The verdicts of these caps on proposals that came at these times, in this order, of these sources: waits or
-- rejected for one over a cap, with the cap, else null. It counts as the gate does: null asks are skipped; a proposal
-- that a person rejected frees its room at p_releases; what waits is gated again when its window ends, before what
-- comes after. Windows begin with what was counted in them before p_since.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  c_most constant integer := coalesce((p_caps ->> 'max_waiting')::integer, 1000);
  v_rejects constant boolean := coalesce(p_caps ->> 'over_limit', 'wait') = 'reject';
  v_names text[];
  -- Caps and what is used of them: 1 the day and 2 the hour of all, then two for each source.
  v_caps integer[];
  v_used integer[];
  v_labels text[];
  v_days boolean[];
  v_day timestamp;
  v_hour timestamp;
  v_item record;
  v_utc timestamp;
  v_own integer;
  v_met integer;
  v_queue integer[] := '{}'::integer[];
  v_untils timestamp[];
  v_waiting integer[];
  v_again integer[];
  v_now_asking integer[];
  v_no integer;
  v_room integer;
  v_least integer;
  v_counted_at timestamptz[];
begin
  outcomes := array_fill(null::text, array[cardinality(p_ats)]);
  rules := outcomes;
  reasons := outcomes;
  if coalesce(p_caps ->> 'daily_limit', p_caps ->> 'hourly_limit', nullif(p_caps ->> 'per_source', '{}')) is null then
    return;
  end if;
  v_names := array(select distinct s from unnest(p_sources) s order by s);
  select array_agg(f.cap order by n.no, w.setting), array_agg(coalesce(f.name, '') order by n.no, w.setting),
         array_agg(w.setting = 'daily_limit' order by n.no, w.setting)
    into v_caps, v_labels, v_days
    from (select null::text as name, 0::bigint as no union all
          select s.name, s.no from unnest(v_names) with ordinality s (name, no)) n
   cross join (values ('daily_limit'), ('hourly_limit')) w (setting)
    left join lateral _caps_in_force(p_caps, coalesce(n.name, ''), p_since at time zone 'UTC') f
      on f.setting = w.setting and f.source is not distinct from n.name;
  v_used := array_fill(0, array[cardinality(v_caps)]);
  v_waiting := array_fill(0, array[cardinality(v_names)]);
  v_counted_at := array_fill(null::timestamptz, array[cardinality(p_ats)]);
  v_untils := array_fill(null::timestamp, array[cardinality(p_ats)]);

  for v_item in
    -- Each hour begins with what waits; no is null then.
    select u.at, u.no, u.is_release, array_position(v_names, u.source) as source_no
      from (select h.at, null::integer as no, null::text as source, false as is_release
              from (select min(a), max(a) from unnest(p_ats) a) b (first, last)
             cross join lateral generate_series(date_trunc('hour', b.first at time zone 'UTC'),
                                                b.last at time zone 'UTC', interval '1 hour') g (utc)
             cross join lateral (select g.utc at time zone 'UTC') h (at)
            union all
            select a.at, a.no::integer, a.source, false
              from unnest(p_ats, p_sources, p_asks) with ordinality a (at, source, asks, no) where a.asks
            union all
            select a.at, a.no::integer, a.source, true
              from unnest(p_releases, p_sources, p_asks) with ordinality a (at, source, asks, no)
             where a.asks and a.at is not null) u
     order by u.at, u.no is not null, u.is_release, u.no
  loop
    v_utc := v_item.at at time zone 'UTC';
    if v_hour is null or date_trunc('hour', v_utc) <> v_hour then
      if v_hour is null then
        select array_agg(coalesce(_count_in_window(
                 date_trunc(w.part, v_utc) at time zone 'UTC',
                 least(p_since, (date_trunc(w.part, v_utc) + ('1 ' || w.part)::interval) at time zone 'UTC'),
                 n.name), 0)::integer order by n.no, w.part)
          into v_used
          from (select null::text as name, 0::bigint as no union all
                select s.name, s.no from unnest(v_names) with ordinality s (name, no)) n
         cross join (values ('day'), ('hour')) w (part);
      else
        for i in 1 .. cardinality(v_used) loop
          if not v_days[i] or date_trunc('day', v_utc) <> v_day then
            v_used[i] := 0;
          end if;
        end loop;
      end if;
      v_hour := date_trunc('hour', v_utc);
      v_day := date_trunc('day', v_utc);
      v_again := array(select q from unnest(v_queue) q where v_untils[q] <= v_hour order by q);
      v_queue := array(select q from unnest(v_queue) with ordinality n (q, o) where v_untils[q] > v_hour order by o);
    else
      v_again := '{}'::integer[];
    end if;
    if v_item.is_release then
      if v_counted_at[v_item.no] is not null then
        v_own := 2 * v_item.source_no + 1;
        foreach v_no in array array[1, 2, v_own, v_own + 1] loop
          if date_trunc(case when v_days[v_no] then 'day' else 'hour' end, v_counted_at[v_item.no] at time zone 'UTC')
             = (case when v_days[v_no] then v_day else v_hour end) then
            v_used[v_no] := v_used[v_no] - 1;
          end if;
        end loop;
      elsif v_item.no = any (v_queue || v_again) then
        v_queue := array_remove(v_queue, v_item.no);
        v_again := array_remove(v_again, v_item.no);
        v_waiting[v_item.source_no] := v_waiting[v_item.source_no] - 1;
      end if;
      continue when v_again = '{}'::integer[];
    end if;

    v_now_asking := v_again;
    if v_item.no is not null and not v_item.is_release then
      v_now_asking := array_append(v_now_asking, v_item.no);
    end if;
    foreach v_no in array v_now_asking loop
      v_own := 2 * array_position(v_names, p_sources[v_no]) + 1;
      -- Of several caps the one with the least room refuses, of those of all first.
      v_met := null;
      v_least := 1;
      foreach v_room in array array[1, 2] loop
        if v_caps[v_room] - v_used[v_room] < v_least then
          v_least := v_caps[v_room] - v_used[v_room];
          v_met := v_room;
        end if;
      end loop;
      if v_met is null then
        foreach v_room in array array[v_own, v_own + 1] loop
          if v_caps[v_room] - v_used[v_room] < v_least then
            v_least := v_caps[v_room] - v_used[v_room];
            v_met := v_room;
          end if;
        end loop;
      end if;
      if v_met is null then
        foreach v_room in array array[1, 2, v_own, v_own + 1] loop
          v_used[v_room] := v_used[v_room] + 1;
        end loop;
        v_counted_at[v_no] := v_item.at;
        if v_no = any (v_again) then
          v_waiting[v_own / 2] := v_waiting[v_own / 2] - 1;
        end if;
        continue;
      end if;
      v_untils[v_no] := case when v_days[v_met] then v_day + interval '1 day' else v_hour + interval '1 hour' end;
      if v_no = any (v_again) then
        v_queue := v_queue || v_no;
      else
        rules[v_no] := 'proposal_caps.' || v_labels[v_met];
        reasons[v_no] := format('%s %s reached', v_labels[v_met], v_caps[v_met]);
        outcomes[v_no] := case when v_rejects or v_caps[v_met] = 0 or c_most <= v_waiting[v_own / 2]
                               then 'rejected' else 'waits' end;
        if outcomes[v_no] = 'waits' then
          v_queue := v_queue || v_no;
          v_waiting[v_own / 2] := v_waiting[v_own / 2] + 1;
        end if;
      end if;
    end loop;
  end loop;
end;
$$;
