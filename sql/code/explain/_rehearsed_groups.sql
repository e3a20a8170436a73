create or replace function _rehearsed_groups(
  p_rules jsonb,
  p_login text,
  p_proposal_id uuid,
  p_version integer,
  p_audit_id bigint,
  out known jsonb,
  out perhaps jsonb
)
language plpgsql
stable
set search_path from current
as $$
-- The groups of these approval_rules that a login was in when it voted: known, and perhaps, where it could only have
-- been by a role, and that is not on record. p_version: of the rules in force then; p_audit_id: the row of its vote.
-- Locks: none. Writes: nothing. Raises: nothing for sound rules.
declare
  v_groups constant jsonb := coalesce(nullif(p_rules -> 'groups', 'null'), '{}');
  v_then jsonb;
  v_recorded text[];
begin
  if exists (select from jsonb_each(v_groups) g
              where jsonb_array_length(nullif(g.value -> 'roles', 'null')) > 0) then
    select h.value -> 'groups' into v_then
      from ops_policy_history h where h.key = 'approval_rules' and h.version = p_version;
    -- A vote that was changed later has left only the groups of the last one.
    select v.groups into v_recorded
      from ops_proposal_votes v
     where v.proposal_id = p_proposal_id and v.decision and v.voted_login = p_login
       and not exists (select from ops_audit_log l
                        where l.subject_type = 'proposal' and l.subject_id = p_proposal_id::text and l.id > p_audit_id
                          and l.action in ('approve', 'reject', 'break_glass')
                          and coalesce(l.detail ->> 'voted_login', l.login) = p_login);
  end if;
  select coalesce(jsonb_agg(g.key) filter (where g.is_in), '[]'),
         coalesce(jsonb_agg(g.key) filter (where g.is_in is null), '[]')
    into known, perhaps
    from (select d.key,
                 case when d.value -> 'logins' ? p_login then true
                      when coalesce(nullif(d.value -> 'roles', 'null'), '[]') = '[]' then false
                      when d.key = any (v_recorded) and d.value -> 'roles' @> (v_then -> d.key -> 'roles')
                           and coalesce(v_then -> d.key -> 'logins' ? p_login, false) is false then true
                      when d.key <> all (v_recorded) and v_then -> d.key -> 'roles' @> (d.value -> 'roles') then false
                 end as is_in
            from jsonb_each(v_groups) d) g;
end;
$$;
