create or replace function _rehearse_votes(
  p_required jsonb,
  p_glass jsonb,
  p_votes jsonb,
  p_asked_at timestamptz,
  p_ends_at timestamptz,
  p_proposers text[],
  p_is_generous boolean,
  out outcome text,
  out reason text
)
language plpgsql
immutable
set search_path from current
as $$
-- The outcome of a proposal by these votes, [{"act", "at", "login", "is_reasoned", "nth", "groups", "perhaps"}] in
-- their order, until p_ends_at: approved, refused, expired or open. p_required: as _required_by returns it; p_glass:
-- break_glass of the rules, where nth counts those before it in its month. p_is_generous: a login is in the groups that
-- it is perhaps in.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_required constant jsonb := coalesce(p_required,
    '{"seats": [{"rule": "built-in", "group": "*", "count": 1}], "veto": [], "escalate": []}');
  v_minutes constant integer := (v_required ->> 'expires_minutes')::integer;
  v_expires_at timestamptz := p_asked_at + make_interval(mins => v_minutes);
  v_vote record;
  v_groups jsonb;
  v_counted jsonb := '[]';
  v_escalated jsonb;
  v_open bigint;
  v_state jsonb;
begin
  for v_vote in
    select n.act, n.at, n.login, n.is_reasoned, n.nth, n.groups, n.perhaps
      from (select v.value ->> 'act' as act, (v.value ->> 'at')::timestamptz as at, v.value ->> 'login' as login,
                   (v.value ->> 'is_reasoned')::boolean as is_reasoned, (v.value ->> 'nth')::integer as nth,
                   v.value -> 'groups' as groups, v.value -> 'perhaps' as perhaps, v.ord
              from jsonb_array_elements(p_votes) with ordinality v (value, ord)
             union all
            select 'ends', p_ends_at, null, true, null, '[]', '[]', null) n
     order by n.ord nulls last
  loop
    if v_expires_at <= v_vote.at then
      if v_required ->> 'on_expiry' <> 'hold' then
        outcome := 'expired';
        reason := format('nobody decided within %s minutes', v_minutes);
        return;
      end if;
      v_expires_at := null;
      v_counted := '[]';
    end if;
    if v_vote.act = 'withdraw' then
      outcome := 'refused';
      reason := 'it was withdrawn';
      return;
    end if;
    continue when (v_required ->> 'reason_required')::boolean and not v_vote.is_reasoned;
    v_groups := v_vote.groups || case when p_is_generous then v_vote.perhaps else '[]' end || '["*"]';
    if v_vote.act = 'reject' and (v_required -> 'veto' = '[]' or v_vote.login = any (p_proposers)
                                  or exists (select from jsonb_array_elements_text(v_required -> 'veto') g
                                              where v_groups ? g)) then
      outcome := 'refused';
      reason := format('%s may end it alone', v_vote.login);
      return;
    end if;
    v_escalated := (select coalesce(jsonb_agg(e), '[]') from jsonb_array_elements(v_required -> 'escalate') e
                     where p_asked_at + make_interval(mins => (e ->> 'after_minutes')::integer) <= v_vote.at);
    if v_vote.act = 'break_glass' and v_groups ? (p_glass ->> 'group')
       and v_vote.nth < (p_glass ->> 'per_month')::integer then
      outcome := 'approved';
      reason := format('%s may break the glass', v_vote.login);
      return;
    end if;
    -- Without a seat that it could fill, such a vote would have been refused.
    continue when v_vote.act in ('approve', 'break_glass') and not exists (
      select from jsonb_array_elements(_assign_seats(v_required, v_escalated, '[]')) s
        join jsonb_array_elements_text(v_groups) g on s -> 'groups' ? g);
    v_counted := (select coalesce(jsonb_agg(c), '[]') from jsonb_array_elements(v_counted) c
                   where c ->> 'login' is distinct from v_vote.login);
    if v_vote.act in ('approve', 'break_glass') then
      v_counted := v_counted || jsonb_build_object('login', v_vote.login, 'groups', v_groups);
    end if;
    select jsonb_build_object('open', count(*) filter (where s ->> 'login' is null), 'of', count(*),
                              'proposed', '[]'::jsonb, 'in_force', jsonb_agg(s)),
           count(*) filter (where s ->> 'login' is null)
      into v_state, v_open
      from jsonb_array_elements(_assign_seats(v_required, v_escalated, v_counted)) s;
    outcome := case v_open when 0 then 'approved' else 'open' end;
    reason := _seats_text(v_state, p_proposers);
    exit when v_open = 0;
  end loop;
end;
$$;
