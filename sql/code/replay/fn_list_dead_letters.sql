create or replace function fn_list_dead_letters(p_filter jsonb default '{}', p_limit integer default 50)
returns table (
  dl_msg_id text,
  what text,
  original_msg_id text,
  reason text,
  attempts integer,
  dead_lettered_at timestamptz,
  archived_by text,
  redriven_at timestamptz,
  replayed_by text,
  new_msg_id text,
  payload jsonb
)
language plpgsql
stable
security definer
set search_path from current
as $$
-- Dead letters for people to read, newest first. Fewer than p_limit where they are large: it ends with the one that
-- makes 16 MiB full.
-- Locks: none. Writes: nothing. Raises: OP018 for a filter or limit that cannot be.
declare
  v_ids bigint[] := _dead_letters(_dead_letter_filter(p_filter, p_limit), p_limit, true);
  c_bytes constant integer := 16777216;
  v_bytes bigint := 0;
begin
  for dl_msg_id, what, original_msg_id, reason, attempts, dead_lettered_at, archived_by, redriven_at, replayed_by,
      new_msg_id, payload in
    select a.dl_msg_id, a.what, a.original_msg_id, a.reason, a.reclaim_count,
           a.dead_lettered_at, a.archived_by, a.redriven_at, l.replayed_by, l.new_msg_id, a.payload
      from unnest(v_ids) with ordinality n (id, ord)
      join dead_letter_archive a on a.id = n.id
      left join lateral (select r.replayed_by, r.new_msg_id from replay_log r
                          where r.dl_msg_id = a.dl_msg_id order by r.id desc limit 1) l on true
     order by n.ord
  loop
    return next;
    v_bytes := v_bytes + coalesce(octet_length(payload::text), 0);
    exit when v_bytes > c_bytes;
  end loop;
end;
$$;
comment on function fn_list_dead_letters(jsonb, integer) is
  'Lists up to p_limit (default 50, at most 10000) dead letters, newest first, with all that was kept; fewer '
  'where they are large: it stops at 16 MiB. p_filter as '
  'for fn_redrive_dead_letters, and "redriven": true for those that were put back (default false, or both where it '
  'names one). OPS_018 for a filter or limit that cannot be.';
