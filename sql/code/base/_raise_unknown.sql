create or replace function _raise_unknown(p_what text, p_id uuid)
returns void
language plpgsql
stable
set search_path from current
as $$
-- For a routine that has found nothing of this id: raises that there is none, or that it was purged. p_what: mission,
-- step or proposal, or the several that the id could have been of.
-- Locks: none. Writes: nothing. Raises: OP012, OP083.
begin
  perform _assert_not_purged(p_id);
  raise exception using errcode = 'OP012',
    message = format('OPS_012: no %s %s', p_what, coalesce(p_id::text, 'null')),
    detail = jsonb_build_object(case when p_what in ('mission', 'step', 'proposal') then p_what || '_id' else 'id' end,
                                p_id)::text,
    hint = case p_what
             when 'mission' then 'select * from fn_list_missions(); lists the newest.'
             when 'step' then 'select * from fn_list_steps(); lists the newest.'
             when 'proposal' then 'select * from fn_list_proposals(); lists the newest.'
             when 'proposal or step' then 'select * from fn_inbox(); lists what waits for a person.'
             else 'select * from fn_list_missions(); and fn_list_proposals() list the newest.' end;
end;
$$;
