create or replace function _create_proposals(
  p_templates jsonb[],
  p_slots jsonb[],
  p_which integer[],
  p_sources text[],
  p_dedupe_keys text[],
  p_event_ids uuid[],
  p_reaction_ids uuid[],
  p_depths integer[],
  p_logins text[],
  p_proposers text[],
  out ids uuid[],
  out statuses text[],
  out mission_ids uuid[],
  out reasons text[],
  out are_new boolean[]
)
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Gates and stores proposals whose templates are known to be sound. Each distinct template is judged once, and each row
-- is written once, in its final state. Proposal i is p_templates[p_which[i]]; the other arrays have an entry for each
-- proposal. A dedupe key that exists gives the first proposal; keys are inserted in order, so that concurrent batches
-- never deadlock. Keys of reactions and keys of callers are apart: no caller stands in the way of a reaction. A key of
-- a proposal that was purged gives that one's id, and its mission's. p_logins
-- and p_proposers: the login that proposed, and all that had a hand in it as the text of an array, where that is not
-- just this session's login.
-- Locks: cap counters, then the unique index of dedupe_key. Writes: ops_mission_proposals, ops_cap_counters, missions
-- steps for what policy or a grant approves, ops_approvals and an event for what waits for a person. Raises: what
-- _spent_keys raises.
declare
  v_now timestamptz := _now();
  v_login text := _acting_login();
  v_count constant integer := cardinality(p_which);
  v_of_reactions constant boolean := p_reaction_ids is not null;
  v_is_keyed constant boolean := cardinality(array_remove(p_dedupe_keys, null)) > 0;
  v_which integer[] := p_which;
  v_order integer[];
  v_run record := _uuid_v7_start();
  v_titles text[] := '{}'::text[];
  v_priorities smallint[] := '{}'::smallint[];
  v_digests text[] := '{}'::text[];
  v_gate record;
  v_codes text[];
  v_risks text[];
  v_starts integer[];
  v_untils timestamptz[];
  v_stored bigint;
  v_lost uuid[];
  v_waiting integer[];
  v_granted uuid[];
  v_spent jsonb;
  v_lost_to_purge bigint;
begin
  for i in 1 .. v_count loop
    ids[i] := _nth_uuid_v7(v_run.start, v_run.tail, i);
    v_order[i] := i;
  end loop;
  if v_is_keyed then
    v_spent := coalesce(_spent_keys(case when v_of_reactions then 'reaction' else 'proposal' end, p_dedupe_keys), '{}');
    select array_agg(case when n.key is null or (n.nth = 1 and p.id is null and not v_spent ? n.key) then n.which end
                     order by n.ord),
           array_agg(n.ord order by n.key nulls first, n.ord)
             filter (where n.key is null or (n.nth = 1 and p.id is null and not v_spent ? n.key))
      into v_which, v_order
      from (select k.*, row_number() over (partition by k.key order by k.ord) as nth
              from unnest(p_dedupe_keys, p_which) with ordinality k (key, which, ord)) n
      left join ops_mission_proposals p on p.dedupe_key = n.key and (p.source = 'trigger') = v_of_reactions;
  end if;

  v_gate := _gate_proposals(p_templates, v_which, p_sources, v_now, null);
  statuses := v_gate.statuses;
  reasons := v_gate.reasons;
  v_codes := v_gate.codes;
  v_risks := v_gate.risks;
  v_starts := v_gate.starts;
  v_untils := v_gate.untils;

  for n in 1 .. cardinality(p_templates) loop
    v_titles[n] := p_templates[n] ->> 'title';
    v_priorities[n] := coalesce((p_templates[n] ->> 'priority')::smallint, 0);
    v_digests[n] := _template_digest(p_templates[n], p_slots[n]);
  end loop;
  insert into ops_mission_proposals (
    id, dedupe_key, source, event_id, reaction_id, status, title, risk_level, priority, depth, template, slots,
    template_digest, approved_digest, reason, reason_code, policy_snapshot, counted_at, gate_after, proposed_login,
    proposers, decided_by, decided_login, approved_at, created_at, updated_at)
  select ids[i], p_dedupe_keys[i], p_sources[i], p_event_ids[i], p_reaction_ids[i], statuses[i], v_titles[p_which[i]],
         v_risks[p_which[i]], v_priorities[p_which[i]], coalesce(p_depths[i], 0), p_templates[p_which[i]],
         p_slots[p_which[i]], v_digests[p_which[i]],
         case when statuses[i] = 'auto_approved' then v_digests[p_which[i]] end, reasons[i], v_codes[i],
         v_gate.versions,
         case when v_gate.is_counted and statuses[i] <> 'rejected' and v_untils[i] is null then v_now end, v_untils[i],
         case when p_logins is null then v_login else p_logins[i] end,
         case when p_proposers is null then array[v_login] else p_proposers[i]::text[] end,
         case when statuses[i] <> 'pending' then 'policy' end, case when statuses[i] <> 'pending' then v_login end,
         case when statuses[i] = 'auto_approved' then v_now end, v_now, v_now
    from unnest(v_order) i
  on conflict (dedupe_key, (source = 'trigger')) where dedupe_key is not null do nothing;
  get diagnostics v_stored = row_count;
  if v_is_keyed then
    -- Once more after the insert, which waits for a purge of the same key.
    v_spent := coalesce(_spent_keys(case when v_of_reactions then 'reaction' else 'proposal' end, p_dedupe_keys), '{}');
    if v_spent <> '{}' then
      delete from ops_mission_proposals p where p.id = any (ids) and v_spent ? p.dedupe_key;
      get diagnostics v_lost_to_purge = row_count;
      v_stored := v_stored - v_lost_to_purge;
    end if;
  end if;
  if not v_gate.is_counted then
    perform _wake_sleepers();
  end if;

  -- Proposals whose key another session inserted meanwhile were not stored.
  if v_stored < cardinality(v_order) then
    v_lost := array(select n.id
                      from unnest(ids, v_which) n (id, which)
                     where n.which is not null and not exists (select from ops_mission_proposals p where p.id = n.id));
    perform _release_caps(n.source, v_now)
      from unnest(ids, p_sources, statuses, v_untils) n (id, source, status, until)
     where n.id = any (v_lost) and n.status <> 'rejected' and n.until is null and v_gate.is_counted;
    v_starts := array(select case when ids[i] <> all (v_lost) then v_starts[i] end from generate_series(1, v_count) i);
  end if;

  if cardinality(array_remove(v_starts, null)) > 0 then
    mission_ids := _start_missions(ids, v_starts, p_depths, p_templates, v_gate.steps, p_slots, v_risks, true,
                                   v_gate.generation);
  end if;

  if v_lost is not null or array_position(v_which, null) is not null then
    select array_agg(coalesce(p.id, (k.spent ->> 'id')::uuid, n.id) order by n.ord),
           array_agg(coalesce(p.status, k.spent ->> 'status', n.status) order by n.ord),
           array_agg(coalesce(m.id, (k.spent ->> 'mission_id')::uuid, n.mission_id) order by n.ord),
           array_agg(coalesce(p.reason, 'OPS_083: purged on ' || (k.spent ->> 'purged_on'), n.reason) order by n.ord),
           array_agg(coalesce(p.id = n.id, k.spent is null) order by n.ord)
      into ids, statuses, mission_ids, reasons, are_new
      from unnest(ids, statuses, mission_ids, reasons, p_dedupe_keys)
           with ordinality n (id, status, mission_id, reason, dedupe_key, ord)
      left join ops_mission_proposals p on p.dedupe_key = n.dedupe_key and (p.source = 'trigger') = v_of_reactions
      left join ops_missions m on m.proposal_id = p.id
     cross join lateral (select v_spent -> n.dedupe_key as spent) k;
  end if;

  if 'pending' = any (statuses) then
    v_waiting := array(select i from generate_series(1, v_count) i
                       where statuses[i] = 'pending' and are_new[i] is not false);
    perform _open_approvals(array(select ids[i] from unnest(v_waiting) i));
    -- A proposal that waits for a cap asks no person yet.
    v_waiting := array(select i from unnest(v_waiting) i where v_untils[i] is null);
    v_granted := _use_grants(array(select ids[i] from unnest(v_waiting) i));
    if v_granted <> '{}' then
      select array_agg(coalesce(p.status, n.status) order by n.ord),
             array_agg(coalesce(m.id, n.mission_id) order by n.ord),
             array_agg(coalesce(p.reason, n.reason) order by n.ord)
        into statuses, mission_ids, reasons
        from unnest(ids, statuses, mission_ids, reasons) with ordinality n (id, status, mission_id, reason, ord)
        left join ops_mission_proposals p on p.id = n.id and p.id = any (v_granted)
        left join ops_missions m on m.proposal_id = p.id;
      v_waiting := array(select i from unnest(v_waiting) i where statuses[i] <> 'approved');
    end if;
    if v_gate.is_counted then
      perform _tell_pending(array(select ids[i] from unnest(v_waiting) i),
                            array(select p_which[i] from unnest(v_waiting) i),
                            p_templates);
    end if;
  end if;
end;
$$;
