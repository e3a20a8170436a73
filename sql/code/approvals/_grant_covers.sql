create or replace function _grant_covers(p_match jsonb, p_proposal ops_mission_proposals)
returns boolean
language plpgsql
immutable
set search_path from current
as $$
-- Whether a grant is about a proposal: its template, or all of its steps.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return array_position(_risk_levels(), p_proposal.risk_level)
         <= coalesce(array_position(_risk_levels(), p_match ->> 'max_risk'), 3)
     and (coalesce(jsonb_typeof(p_match -> 'sources'), 'null') = 'null'
          or _matches_any(p_proposal.source, p_match -> 'sources'))
     and case
           when jsonb_typeof(p_match -> 'digest') = 'string' then p_match ->> 'digest' = p_proposal.template_digest
           -- A place that is filled in later is not what somebody has seen.
           when jsonb_typeof(p_match -> 'command') = 'array'
             then p_proposal.slots = '[]'
                  and not exists (select from jsonb_array_elements(p_proposal.template -> 'steps') s
                                   where coalesce(nullif(s ->> 'executor', ''), s ->> 'kind') <> 'command'
                                      or s -> 'params'
                                         is distinct from jsonb_build_object('argv', p_match -> 'command'))
           else jsonb_typeof(p_match -> 'kinds') = 'array'
                and not exists (select from jsonb_array_elements(p_proposal.template -> 'steps') s
                                 where not p_match -> 'kinds' ? (s ->> 'kind')
                                    or not p_match -> 'kinds' ? coalesce(s ->> 'executor', s ->> 'kind'))
         end;
end;
$$;
