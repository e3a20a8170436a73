create or replace function _refuse_steps(p_faults jsonb, p_holds jsonb)
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- For a claim: fails the steps whose placeholders have no value, and parks those that policy no longer covers; both are
-- given by id, as {"code", "reason"}. Where that fails on data, each is refused by itself.
-- Locks: the missions of these, then all their steps, which the claim has locked already (_pick_steps).
-- Writes: what a parked and a failed step write. Raises: errors not caused by the data.
declare
  v_ids uuid[];
  v_codes text[];
  v_reasons text[];
  v_message text;
begin
  perform _lock_missions_of(array(select k::uuid from jsonb_object_keys(p_faults || p_holds) k));
  select array_agg(s.id), array_agg(h.value ->> 'code'), array_agg(h.value ->> 'reason') into v_ids, v_codes, v_reasons
    from jsonb_each(p_holds) h
   -- Plans 1
   cross join lateral (select t.id, t.status from ops_mission_steps t where t.id = h.key::uuid limit 1) s
   where s.status = 'queued';
  if v_ids is not null then
    begin
      perform _park_steps(v_ids, 'person', v_codes, v_reasons);
    exception when others or assert_failure then
      if not _is_data_fault(sqlstate) then
        raise;
      end if;
      for v_nth in 1 .. cardinality(v_ids) loop
        begin
          perform _park_steps(v_ids[v_nth:v_nth], 'person', v_codes[v_nth:v_nth], v_reasons[v_nth:v_nth]);
        exception when others or assert_failure then
          if not _is_data_fault(sqlstate) then
            raise;
          end if;
          get stacked diagnostics v_message = message_text;
          perform _fail_alone(v_ids[v_nth], _error_code(sqlstate), _error_text(sqlstate, v_message));
        end;
      end loop;
    end;
  end if;
  select array_agg(s.id), array_agg(f.value ->> 'code'),
         array_agg(concat_ws(': ', f.value ->> 'code', f.value ->> 'reason'))
    into v_ids, v_codes, v_reasons
    from jsonb_each(p_faults) f
   cross join lateral (select t.id, t.status from ops_mission_steps t where t.id = f.key::uuid limit 1) s
   where s.status = 'queued';
  if v_ids is not null then
    begin
      perform _fail_for_good(v_ids, v_reasons, v_codes);
    exception when others or assert_failure then
      if not _is_data_fault(sqlstate) then
        raise;
      end if;
      for v_nth in 1 .. cardinality(v_ids) loop
        perform _fail_alone(v_ids[v_nth], v_codes[v_nth], v_reasons[v_nth]);
      end loop;
    end;
  end if;
end;
$$;
