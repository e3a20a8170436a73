create or replace function fn_redrive_dead_letters(
  p_filter jsonb default '{}',
  p_limit integer default 100,
  p_dry_run boolean default true,
  p_actor text default null
)
returns table (dl_msg_id text, what text, reason text, outcome text, new_msg_id text)
language plpgsql
security definer
set search_path from current
set lock_timeout = '2s'
as $$
-- Redrives up to p_limit dead letters that a filter matches, oldest first; a dry run, which is the default, only lists
-- them. A letter that cannot be put back does not stop the others: its outcome is the error, and it stays as it was.
-- Letters that another session is redriving are skipped; an original that one has locked is waited for, two seconds.
-- Locks: the letters, SKIP LOCKED, and for each what fn_redrive_dead_letter locks. Writes: what that writes. Raises:
-- OP018 for a filter or limit that cannot be, and what the server refuses whatever the letter.
declare
  v_ids bigint[] := _dead_letters(_dead_letter_filter(p_filter, p_limit), p_limit, false);
  v_id bigint;
  v_letter dead_letter_archive;
  v_done record;
  v_message text;
begin
  foreach v_id in array v_ids loop
    if coalesce(p_dry_run, true) then
      select * into v_letter from dead_letter_archive a where a.id = v_id;
      outcome := 'would be redriven';
    else
      select * into v_letter from dead_letter_archive a where a.id = v_id for update skip locked;
      continue when not found;
      begin
        select * into v_done from _redrive(v_letter, coalesce(p_actor, _acting_login()));
        outcome := case when v_done.redriven then 'redriven' else 'was redriven before' end;
        new_msg_id := v_done.new_msg_id;
      exception when others or assert_failure then
        -- One item must not sink the batch; only a lock of another session is its own.
        if not _is_data_fault(sqlstate) and sqlstate not in ('55P03', 'OP031') then
          raise;
        end if;
        get stacked diagnostics v_message = message_text;
        outcome := format('%s (%s)', v_message, sqlstate);
        new_msg_id := null;
      end;
    end if;
    dl_msg_id := v_letter.dl_msg_id;
    what := v_letter.what;
    reason := v_letter.reason;
    return next;
  end loop;
end;
$$;
comment on function fn_redrive_dead_letters(jsonb, integer, boolean, text) is
  'Redrives up to p_limit (default 100, at most 10000) dead letters, oldest first, each as fn_redrive_dead_letter '
  'does, one failing alone. p_dry_run defaults to true: then it only lists them. p_filter: {"dl_msg_id", "what": '
  '"step|reaction|outbox|other", "executor", "kind", "event_type", "pattern", "mission_id", "reason" (a LIKE '
  'pattern), "group" (of fn_group_failures), "ids" (names of letters), "since", "until"}. '
  'OPS_018 for a filter or limit that cannot be.';
