create or replace function _caps_in_force(p_caps jsonb, p_source text, p_utc timestamp)
returns table (no integer, name text, setting text, cap integer, scope text, source text, window_start timestamptz,
               window_end timestamptz, refusal text)
language plpgsql
immutable
set search_path from current
as $$
-- The caps that policy sets for a source at a moment (UTC), in the order in which their counters are locked. p_caps:
-- the document proposal_caps; a bare number under per_source is a daily limit. setting: the field that holds the cap,
-- in the document or, where source is not null, in per_source.<source>. refusal: the sentence for a proposal above the
-- cap.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_own jsonb := p_caps -> 'per_source' -> p_source;
begin
  if jsonb_typeof(v_own) = 'number' then
    v_own := jsonb_build_object('daily_limit', v_own);
  end if;
  return query
  select w.no, n.name, w.setting, w.cap::integer, w.part || coalesce(':' || w.source, ''), w.source,
         date_trunc(w.part, p_utc) at time zone 'UTC',
         (date_trunc(w.part, p_utc) + ('1 ' || w.part)::interval) at time zone 'UTC',
         format('%s %s reached', n.name, w.cap::integer)
    from (values (1, 'daily_limit', 'day', null, p_caps ->> 'daily_limit'),
                 (2, 'hourly_limit', 'hour', null, p_caps ->> 'hourly_limit'),
                 (3, 'daily_limit', 'day', p_source, v_own ->> 'daily_limit'),
                 (4, 'hourly_limit', 'hour', p_source, v_own ->> 'hourly_limit'))
         w (no, setting, part, source, cap)
   cross join lateral (
     select case when w.source is null then '' else format('per_source.%s.', w.source) end || w.setting as name) n
   where w.cap is not null
   order by w.no;
end;
$$;
