create or replace function fn_list_handoffs(p_sd_id text default null, p_status text default null,
                                            p_limit integer default 20)
returns table (
  handoff_id uuid,
  sd_id text,
  handoff_type text,
  from_phase text,
  to_phase text,
  status text,
  score numeric,
  threshold numeric,
  failed_gate text,
  why text,
  session_id text,
  execution_time_ms numeric,
  created_at timestamptz
)
language plpgsql
stable
security definer
set search_path from current
as $$
-- Handoffs, newest first, each with its score against the threshold and why it was not accepted.
-- Locks: none. Writes: nothing. Raises: OP018 for a limit or a status that cannot be.
begin
  perform _check_list(p_limit, p_status, array['pending_acceptance', 'accepted', 'rejected', 'blocked']);
  return query
  select h.id, h.sd_id, h.handoff_type, h.from_phase, h.to_phase, h.status,
         (h.scores ->> 'normalizedScore')::numeric, (h.scores ->> 'threshold')::numeric, h.scores ->> 'failedGate',
         case h.status when 'accepted' then null when 'blocked' then h.scores #>> '{issues,0}'
                       else coalesce(h.elements ->> 'error', h.elements ->> 'error_message') end,
         h.session_id, h.execution_time_ms, h.created_at
    from sd_phase_handoffs h
   where (p_sd_id is null or h.sd_id = coalesce(_directive_id(p_sd_id), p_sd_id))
     and (p_status is null or h.status = p_status)
   order by h.created_at desc, h.id desc
   limit p_limit;
end;
$$;
comment on function fn_list_handoffs(text, text, integer) is
  'Handoffs, newest first: of one directive (id or sd_key) or all, of one status or all, at most p_limit (1 to 1000, '
  'default 20). OPS_018 for a bad limit or status.';
