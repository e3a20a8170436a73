create or replace function fn_list_directives(p_limit integer default 50, p_status text default null)
returns table (
  sd_id text,
  sd_key text,
  title text,
  sd_type text,
  status text,
  current_phase text,
  session_id text,
  handoff_status text,
  score numeric,
  threshold numeric,
  created_at timestamptz,
  updated_at timestamptz
)
language plpgsql
stable
security definer
set search_path from current
as $$
-- Directives for people to read, those changed last first, each with who holds it and its last handoff. It reads all
-- directives: nothing bounds their number but that people write them. p_status: open for those that take transitions.
-- Locks: none. Writes: nothing. Raises: OP018 for a limit that cannot be.
begin
  perform _check_list(p_limit);
  return query
  select d.id, d.sd_key, d.title, d.sd_type, d.status, d.current_phase, c.session_id, h.status, h.score,
         fn_gate_threshold(d.sd_type)::numeric, d.created_at, d.updated_at
    from (select s.* from strategic_directives s
           where p_status is null or s.status = p_status
              or p_status = 'open' and s.status <> all (_ended_directive_statuses())
           order by s.updated_at desc, s.id limit p_limit) d
    left join sd_session_claims c on c.sd_id = d.id and c.expires_at > _now()
    left join lateral (select l.* from fn_list_handoffs(d.id, null, 1) l) h on true
   order by d.updated_at desc, d.id;
end;
$$;
comment on function fn_list_directives(integer, text) is
  'Lists up to p_limit (1 to 1000) directives, those changed last first, with their phase, the session that holds '
  'each, and the score of the last handoff; p_status null means any, open those that take transitions. OPS_018 for a '
  'limit that cannot be.';
