create or replace function _apply_retention(p_limit integer, p_budget interval)
returns jsonb
language plpgsql
set search_path from current
as $$
-- As fn_apply_retention, within p_budget.
-- Locks: that of _begin_purge, and rows of what goes. Writes: ops_retention, and what _retain writes. Raises: errors
-- not caused by the data.
declare
  v_now constant timestamptz := _now();
  v_until constant timestamptz := clock_timestamp() + p_budget;
  v_document constant jsonb := _policy('retention');
  v_cuts constant jsonb := _retention_cuts(v_document);
  v_how constant text := case when (v_document ->> 'archive')::boolean then 'archive' else 'delete' end;
  v_purged jsonb := '{}';
  v_more boolean := false;
  v_left integer := p_limit;
  v_spec record;
  v_state ops_retention;
  v_done jsonb;
begin
  if not _begin_purge() then
    return '{"purged": {}, "more": true}';
  end if;
  for v_spec in
    select * from _retention_parts() with ordinality r (part, of_table, key, at, cut, goes, no)
     where v_cuts ->> r.cut <> '-infinity'
     order by r.no
  loop
    if v_left <= 0 or clock_timestamp() >= v_until then
      v_more := true;
      exit;
    end if;
    insert into ops_retention (part) values (v_spec.part) on conflict do nothing;
    select * into v_state from ops_retention t where t.part = v_spec.part;
    select r.gone into v_done
      from _retain(v_spec.part, v_state.position, v_cuts, v_how, null, v_left, v_until) r
     where r.of_table is null;
    update ops_retention t
       set position = v_done ->> 'next',
           began_at = case when v_state.position is null then v_now else t.began_at end,
           ended_at = case when v_done ->> 'next' is null then v_now end,
           purged = t.purged + (v_done ->> 'purged')::bigint,
           error = coalesce(v_done ->> 'error', case when v_state.position is not null then t.error end),
           error_at = case when v_done ? 'error' then v_now when v_state.position is not null then t.error_at end
     where t.part = v_spec.part;
    v_more := v_more or v_done ->> 'next' is not null;
    v_left := v_left - (v_done ->> 'purged')::integer;
    if (v_done ->> 'purged')::bigint > 0 then
      v_purged := v_purged || jsonb_build_object(v_spec.part, v_done -> 'purged');
    end if;
  end loop;
  with gone as (
    delete from ops_spent_keys k
     where k.ctid = any (array(select s.ctid from ops_spent_keys s
                                where s.until <= v_now order by s.until limit greatest(v_left, 0)
                                  for update skip locked))
    returning 1
  )
  select v_purged || case when count(*) > 0 then jsonb_build_object('keys', count(*)) else '{}' end into v_purged
    from gone;
  return jsonb_build_object('purged', v_purged, 'more', v_more);
end;
$$;
