create or replace function _matching_missions(p_filter jsonb, p_limit integer, p_most integer)
returns uuid[]
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- The ids of up to p_limit missions that a filter of fn_list_missions matches, newest first: of those that it names
-- (ids), of those that are stuck, however old, where it asks for these; else of the newest p_most. Where that is
-- more than 20,000 and it asks for open ones, those that are older are found by what waits for a worker, a time or a
-- person: so a filter that matches nothing does not read all that was ever done.
-- Locks: none. Writes: nothing. Raises: OP018 with every fault of the filter.
declare
  v_filter constant jsonb := _check_filter(p_filter, array['ids', 'status', 'kind', 'executor', 'source', 'title',
                                                           'error', 'code', 'group', 'stuck', 'since', 'until',
                                                           'before'],
                                           array['open', 'approved', 'running', 'succeeded', 'failed', 'cancelled']);
  c_window constant integer := 20000;
  v_before uuid := coalesce(v_filter ->> 'before', 'ffffffff-ffff-ffff-ffff-ffffffffffff')::uuid;
  v_status constant text := v_filter ->> 'status';
  v_kind constant text := v_filter ->> 'kind';
  v_executor constant text := v_filter ->> 'executor';
  v_source constant text := v_filter ->> 'source';
  v_title constant text := v_filter ->> 'title';
  v_error constant text := v_filter ->> 'error';
  v_code constant text := v_filter ->> 'code';
  v_group constant text := v_filter ->> 'group';
  v_stuck constant boolean := coalesce((v_filter ->> 'stuck')::boolean, false);
  v_since constant timestamptz := (v_filter ->> 'since')::timestamptz;
  v_until constant timestamptz := (v_filter ->> 'until')::timestamptz;
  v_window integer := least(p_most, c_window);
  v_ids uuid[];
  v_found uuid[] := '{}';
begin
  if jsonb_typeof(v_filter -> 'ids') = 'array' then
    v_ids := array(select distinct e::uuid from jsonb_array_elements_text(v_filter -> 'ids') e);
  end if;
  if v_stuck then
    v_ids := array(select s.mission_id from _stuck_missions(coalesce(v_ids, _perhaps_stuck())) s);
  end if;
  loop
    v_found := v_found || array(
      select m.id
        from ((select t.* from ops_missions t where v_ids is null and t.id < v_before order by t.id desc limit v_window)
              union all
              (select t.* from ops_missions t where t.id = any (v_ids) and t.id < v_before)) m
       where (v_status is null or m.status = v_status or v_status = 'open' and m.status in ('approved', 'running'))
         and _fits(m.title, v_title) and _fits(m.error, v_error)
         and (v_code is null or m.error_code = v_code)
         and (v_group is null or _group_of(m.error) = v_group)
         and (v_since is null or m.created_at >= v_since) and (v_until is null or m.created_at < v_until)
         and (v_kind is null and v_executor is null
              or exists (select from ops_mission_steps s
                          where s.mission_id = m.id and _fits(s.kind, v_kind) and _fits(s.executor, v_executor)))
         and (v_source is null
              or exists (select from ops_mission_proposals p where p.id = m.proposal_id and _fits(p.source, v_source)))
       order by m.id desc
       limit p_limit - cardinality(v_found));
    exit when cardinality(v_found) >= p_limit or v_ids is not null or v_window = p_most or v_window > c_window;
    v_before := (select t.id from ops_missions t where t.id < v_before order by t.id desc
                  offset c_window - 1 limit 1);
    exit when v_before is null;
    if v_status in ('open', 'approved', 'running') then
      v_ids := _open_missions();
    end if;
    v_window := p_most;
  end loop;
  return v_found;
end;
$$;
