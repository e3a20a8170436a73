create or replace function _matching_steps(p_filter jsonb, p_limit integer, p_most integer)
returns uuid[]
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- The ids of up to p_limit steps that a filter of fn_list_steps matches, newest first: of those that it names (ids), of
-- those of its mission, of those that are parked, however old, where it asks for these; else of the newest p_most.
-- Where that is more than 20,000 and it asks for failed ones, those that are older are found by their dead letters: so
-- a filter that matches nothing does not read all that was ever done.
-- Locks: none. Writes: nothing. Raises: OP018 with every fault of the filter.
declare
  v_filter constant jsonb := _check_filter(p_filter, array['ids', 'status', 'kind', 'executor', 'source',
                                                           'mission_id', 'key', 'error', 'code', 'group', 'since',
                                                           'until', 'before'],
                                           array['open', 'blocked', 'queued', 'running', 'waiting', 'succeeded',
                                                 'failed', 'cancelled', 'skipped']);
  c_window constant integer := 20000;
  v_before uuid := coalesce(v_filter ->> 'before', 'ffffffff-ffff-ffff-ffff-ffffffffffff')::uuid;
  v_status constant text := v_filter ->> 'status';
  v_kind constant text := v_filter ->> 'kind';
  v_executor constant text := v_filter ->> 'executor';
  v_source constant text := v_filter ->> 'source';
  v_mission constant uuid := (v_filter ->> 'mission_id')::uuid;
  v_key constant text := v_filter ->> 'key';
  v_error constant text := v_filter ->> 'error';
  v_code constant text := v_filter ->> 'code';
  v_group constant text := v_filter ->> 'group';
  v_since constant timestamptz := (v_filter ->> 'since')::timestamptz;
  v_until constant timestamptz := (v_filter ->> 'until')::timestamptz;
  v_window integer := least(p_most, c_window);
  v_ids uuid[];
  v_found uuid[] := '{}';
begin
  if jsonb_typeof(v_filter -> 'ids') = 'array' then
    v_ids := array(select distinct e::uuid from jsonb_array_elements_text(v_filter -> 'ids') e);
  elsif v_mission is not null then
    v_ids := array(select s.id from ops_mission_steps s where s.mission_id = v_mission);
  elsif v_status = 'waiting' then
    v_ids := array(select p.step_id from ops_parked_steps p order by p.step_id desc limit p_most);
  end if;
  loop
    v_found := v_found || array(
      select s.id
        from ((select t.* from ops_mission_steps t
                where v_ids is null and t.id < v_before order by t.id desc limit v_window)
              union all
              (select t.* from ops_mission_steps t where t.id = any (v_ids) and t.id < v_before)) s
       where (v_status is null or s.status = v_status
              or v_status = 'open' and s.status in ('blocked', 'queued', 'running', 'waiting'))
         and (v_mission is null or s.mission_id = v_mission)
         and _fits(s.kind, v_kind) and _fits(s.executor, v_executor) and _fits(s.key, v_key)
         and _fits(coalesce(s.last_error, s.wait_reason), v_error)
         and (v_code is null
              or v_code = coalesce(s.last_error_code, (select p.code from ops_parked_steps p where p.step_id = s.id)))
         and (v_group is null or _group_of(coalesce(s.last_error, s.wait_reason)) = v_group)
         and (v_since is null or s.updated_at >= v_since) and (v_until is null or s.updated_at < v_until)
         and (v_source is null
              or exists (select from ops_missions m join ops_mission_proposals p on p.id = m.proposal_id
                          where m.id = s.mission_id and _fits(p.source, v_source)))
       order by s.id desc
       limit p_limit - cardinality(v_found));
    exit when cardinality(v_found) >= p_limit or v_ids is not null or v_window = p_most or v_window > c_window;
    v_before := (select t.id from ops_mission_steps t where t.id < v_before order by t.id desc
                  offset c_window - 1 limit 1);
    exit when v_before is null;
    if v_status = 'failed' then
      v_ids := _dead_steps();
    end if;
    v_window := p_most;
  end loop;
  return v_found;
end;
$$;
