create or replace function _dead_letters(p_filter jsonb, p_limit integer, p_newest boolean)
returns bigint[]
language plpgsql
stable
set search_path from current
as $$
-- The ids of up to p_limit dead letters that a filter (_dead_letter_filter) matches, newest or oldest first. Redriven
-- letters are included only where the filter says so, or names one.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_redriven boolean := coalesce((p_filter ->> 'redriven')::boolean,
                                 case when p_filter ->> 'dl_msg_id' is null
                                           and coalesce(p_filter -> 'ids', 'null') = 'null' then false end);
begin
  return array(
    select a.id
      from dead_letter_archive a
     where (v_redriven is null or (a.redriven_at is not null) = v_redriven)
       and (p_filter ->> 'dl_msg_id' is null or a.dl_msg_id = p_filter ->> 'dl_msg_id')
       and (p_filter ->> 'what' is null or a.what = p_filter ->> 'what')
       and (p_filter ->> 'executor' is null or a.payload ->> 'executor' = p_filter ->> 'executor')
       and (p_filter ->> 'kind' is null or a.payload ->> 'kind' = p_filter ->> 'kind')
       and (p_filter ->> 'event_type' is null or a.payload ->> 'event_type' = p_filter ->> 'event_type')
       and (p_filter ->> 'pattern' is null or a.payload ->> 'pattern' = p_filter ->> 'pattern')
       and (p_filter ->> 'mission_id' is null or a.payload ->> 'mission_id' = p_filter ->> 'mission_id')
       and (p_filter ->> 'reason' is null or left(a.reason, 1000) like p_filter ->> 'reason')
       and (p_filter ->> 'group' is null or _group_of(a.reason) = p_filter ->> 'group')
       and (coalesce(p_filter -> 'ids', 'null') = 'null' or p_filter -> 'ids' ? a.dl_msg_id)
       and (p_filter ->> 'since' is null or a.dead_lettered_at >= (p_filter ->> 'since')::timestamptz)
       and (p_filter ->> 'until' is null or a.dead_lettered_at < (p_filter ->> 'until')::timestamptz)
     order by case when p_newest then -a.id else a.id end
     limit p_limit);
end;
$$;
