create or replace function fn_show_directive(p_sd_id text)
returns jsonb
language plpgsql
stable
security definer
set search_path from current
as $$
-- A directive as it is now: its row, the session that holds it, its requirements, how many stories are in which status,
-- and the transitions that start from its phase.
-- Locks: none. Writes: nothing. Raises: OP012 when there is no such directive.
declare
  v_directive constant strategic_directives := _known_directive(p_sd_id);
begin
  return to_jsonb(v_directive) || jsonb_build_object(
    'threshold', fn_gate_threshold(v_directive.sd_type),
    'claim', (select to_jsonb(c) from sd_session_claims c where c.sd_id = v_directive.id and c.expires_at > _now()),
    'requirements', (select coalesce(jsonb_agg(to_jsonb(r) order by r.id), '[]')
                       from product_requirements r where r.sd_id = v_directive.id),
    'stories', (select coalesce(jsonb_object_agg(s.status, s.n), '{}')
                  from (select u.status, count(*) as n from user_stories u
                         where u.sd_id = v_directive.id group by u.status) s),
    'transitions', (select coalesce(jsonb_agg(t.key order by t.key), '[]')
                      from jsonb_each(_policy('transition_rules') - 'description') t
                     where _transition_refusal(v_directive, t.value, null, null) ->> 'code' is distinct from 'OPS_072'
                       and v_directive.status <> all (_ended_directive_statuses())));
end;
$$;
comment on function fn_show_directive(text) is
  'A directive, by id or sd_key, as it is now: its columns, "threshold", "claim", "requirements", "stories" by status, '
  'and "transitions" that start from its phase. OPS_012 when there is none.';
