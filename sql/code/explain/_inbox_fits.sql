create or replace function _inbox_fits(p_what text, p_id uuid, p_since timestamptz, p_filter jsonb)
returns boolean
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Whether an entry of the inbox, a proposal or a parked step, fits a filter of fn_inbox.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_proposal ops_mission_proposals;
  v_step ops_mission_steps;
begin
  if p_what = 'step' then
    select * into v_step from ops_mission_steps s where s.id = p_id;
    select p.* into v_proposal
      from ops_missions m join ops_mission_proposals p on p.id = m.proposal_id where m.id = v_step.mission_id;
  else
    select * into v_proposal from ops_mission_proposals p where p.id = p_id;
  end if;
  return (p_filter ->> 'what' is null or p_filter ->> 'what' = p_what)
     and _fits(v_proposal.source, p_filter ->> 'source')
     and _fits(v_proposal.risk_level, p_filter ->> 'risk')
     and _fits(v_proposal.title, p_filter ->> 'title')
     and (p_filter ->> 'since' is null or p_since >= (p_filter ->> 'since')::timestamptz)
     and (p_filter ->> 'until' is null or p_since < (p_filter ->> 'until')::timestamptz)
     and (p_filter ->> 'kind' is null
          or case when p_what = 'step' then _fits(v_step.kind, p_filter ->> 'kind')
                  else jsonb_typeof(v_proposal.template -> 'steps') = 'array'
                       and not exists (select from jsonb_array_elements(v_proposal.template -> 'steps') s
                                        where not _fits(s ->> 'kind', p_filter ->> 'kind')) end);
end;
$$;
