create or replace function _retain_part(
  p_part text,
  p_after text,
  p_cuts jsonb,
  p_how text,
  p_batch text,
  p_limit integer
)
returns table (of_table text, gone jsonb)
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Looks at the next p_limit rows of a part, those with a key above p_after, and purges those that go: p_how is delete,
-- archive, export (then each row is returned) or count (then nothing is purged). The last row returned has no table:
-- {"next": key of the last row looked at, null when the part is over, "purged", "locked"}. A part is over where no more
-- rows come, or all that came are too young.
-- Locks: the rows, SKIP LOCKED; of missions also their steps. Writes: what is purged, ops_spent_keys, ops_purged.
-- Raises: OP084 for an archive that lacks a column.
declare
  v_spec record;
  v_type text;
  v_seen bigint;
  v_last text;
  v_is_young boolean;
  v_ids text[];
  v_places text[];
  v_held text[];
begin
  if p_part = 'missions' then
    return query select * from _retain_missions(p_after::uuid, p_cuts, p_how, p_batch, p_limit);
    return;
  end if;
  select * into v_spec from _retention_parts() r where r.part = p_part;
  v_type := (select format_type(a.atttypid, null) from pg_attribute a
              where a.attrelid = quote_ident(v_spec.of_table)::regclass and a.attname = v_spec.key);
  execute format(
    'with cut as materialized (select * from jsonb_to_record($3) c (missions timestamptz, events timestamptz, '
    '  any_events timestamptz, outbox timestamptz, dead_letters timestamptz, history timestamptz, keys timestamptz)), '
    'seen as materialized (select t.* from %1$I t where $1 is null or t.%2$I > $1::%3$s order by t.%2$I limit $2) '
    'select count(*) as n, (array_agg(t.%2$I order by t.%2$I desc))[1]::text as last, '
    '       coalesce(bool_and(t.%4$I >= cut.%5$I), true) as is_young, '
    '       array_agg(t.%2$I::text) filter (where %6$s) as ids '
    '  from seen t cross join cut',
    v_spec.of_table, v_spec.key, v_type, v_spec.at, v_spec.cut, v_spec.goes)
    into v_seen, v_last, v_is_young, v_ids using p_after, p_limit, p_cuts;
  v_ids := _not_set_aside(v_ids);
  if p_how = 'count' or v_ids is null then
    return query select null::text, jsonb_build_object(
      'next', case when v_seen = p_limit and not v_is_young then v_last end,
      'purged', coalesce(cardinality(v_ids), 0), 'locked', 0);
    return;
  end if;

  -- Again under the lock: a row may have moved on.
  execute format(
    'with cut as materialized (select * from jsonb_to_record($2) c (missions timestamptz, events timestamptz, '
    '  any_events timestamptz, outbox timestamptz, dead_letters timestamptz, history timestamptz, keys timestamptz)), '
    'held as materialized (select t.ctid as tid, t.%2$I as id from %1$I t, cut '
    '  where t.%2$I = any ($1::%4$s[]) and (%3$s) for update of t skip locked) '
    'select array_agg(h.tid::text), array_agg(h.id::text) from held h',
    v_spec.of_table, v_spec.key, v_spec.goes, v_type)
    into v_places, v_held using v_ids, p_cuts;
  if v_held is not null then
    case p_part
      when 'proposals' then
        perform _spend_keys(v_spec.of_table, v_held, (p_cuts ->> 'keys_until')::timestamptz);
        perform _forget_caps(v_held::uuid[]);
        return query select * from _purge_evidence(v_held, p_how);
        perform _note_purged(p_how, p_batch, null, v_held::uuid[], null, null);
      when 'events' then
        perform _spend_keys(v_spec.of_table, v_held, (p_cuts ->> 'keys_until')::timestamptz);
        return query select * from _purge_rows('ops_agent_reactions', 't.event_id = any ($1::uuid[])', v_held,
                                               p_how);
        perform _note_purged(p_how, p_batch, null, null, null, v_held::uuid[]);
      when 'outbox' then
        perform _spend_keys(v_spec.of_table, v_held, (p_cuts ->> 'keys_until')::timestamptz);
      else
        null;
    end case;
    return query select * from _purge_rows(v_spec.of_table, 't.ctid = any ($1::tid[])', v_places, p_how);
  end if;
  return query select null::text, jsonb_build_object(
    'next', case when v_seen = p_limit and not v_is_young then v_last end,
    'purged', coalesce(cardinality(v_held), 0), 'locked', cardinality(v_ids) - coalesce(cardinality(v_held), 0));
end;
$$;
