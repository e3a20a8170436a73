create or replace function fn_register_worker(
  p_worker_id text,
  p_hostname text default null,
  p_pid integer default null,
  p_version text default null,
  p_executors jsonb default '{}',
  p_settings jsonb default '{}'
)
returns jsonb
language plpgsql
security definer
set search_path from current
as $$
-- Announces a worker process: its incarnation, the executors it offers ({"name": {"idempotent": true}}) and the
-- settings of its environment. Registering again updates the row, and wakes a worker that was asleep. Returns what
-- policy sets for the worker.
-- Locks: the worker's row. Writes: ops_workers. Raises: OP015 for another login's id, OP018 without one, for what is no
-- object, and for a setting that is out of its range.
declare
  v_now timestamptz := _now();
  v_login text := session_user;
  v_policy jsonb := _policy('worker_policy');
  v_faults text[];
begin
  if coalesce(p_worker_id, '') = '' then
    raise exception using errcode = 'OP018', message = 'OPS_018: p_worker_id is empty',
      hint = 'Give an id that no other process ever had, such as host:pid:random.';
  end if;
  if jsonb_typeof(p_executors) <> 'object' or jsonb_typeof(p_settings) <> 'object' then
    raise exception using errcode = 'OP018', message = 'OPS_018: p_executors and p_settings must be objects',
      detail = jsonb_build_object('p_executors', p_executors, 'p_settings', p_settings)::text,
      hint = 'Give {"name": {"idempotent": true}, "other": {}} for what this process offers.';
  end if;
  perform _check_text('p_worker_id', p_worker_id, 500);
  perform _check_text('p_hostname', p_hostname, 500);
  perform _check_text('p_version', p_version, 500);
  perform _check_size('p_executors', p_executors, 'event_bytes');
  perform _check_size('p_settings', p_settings, 'event_bytes');
  v_faults := _field_fault('p_settings.max_retries', p_settings -> 'max_retries', 'whole number', 1, 100)
    || _field_fault('p_settings.lease_seconds', p_settings -> 'lease_seconds', 'whole number', 1, 86400)
    || _field_fault('p_settings.compatibility', p_settings -> 'compatibility', 'whole number', 0, 1000000);
  if v_faults <> '{}' then
    raise exception using errcode = 'OP018', message = 'OPS_018: ' || array_to_string(v_faults, '; '),
      detail = jsonb_build_object('faults', v_faults)::text,
      hint = 'Leave out of p_settings what the environment does not set. The worker was not registered.';
  end if;
  perform _assert_own_worker(p_worker_id);
  if exists (select from ops_workers w where w.worker_id = p_worker_id and w.asleep_until is not null)
     and _keeps_watch(p_worker_id, pg_backend_pid()) then
    perform pg_advisory_unlock_shared('ops_workers'::regclass::oid::integer, hashtext(p_worker_id));
  end if;
  insert into ops_workers (worker_id, hostname, pid, version, executors, settings, login, started_at, last_seen_at)
  values (p_worker_id, p_hostname, p_pid, p_version, coalesce(p_executors, '{}'), coalesce(p_settings, '{}'), v_login,
          v_now, v_now)
  on conflict (worker_id) do update
    set executors = excluded.executors, settings = excluded.settings, version = excluded.version,
        last_seen_at = excluded.last_seen_at, asleep_until = null, stopped_at = null;
  return jsonb_build_object(
    'notify_channel', _notify_channel(),
    'compatibility', fn_compatibility(),
    -- A worker that knows of no such number takes no release but its own, and is served all the same.
    'schema_version', case when p_settings ? 'compatibility' or p_version is null then _release() else p_version end,
    'lease_seconds', _lease_seconds((p_settings ->> 'lease_seconds')::integer, v_policy),
    'executors', coalesce(v_policy -> 'executors', '{}'),
    'presets', coalesce((select jsonb_agg(k) from jsonb_object_keys(coalesce(v_policy -> 'presets', '{}')) k), '[]'),
    'agent_roles', _agent_roles(_policy('agent_roles')),
    'http_allow_private', coalesce((v_policy ->> 'http_allow_private')::boolean, false));
end;
$$;
comment on function fn_register_worker(text, text, integer, text, jsonb, jsonb) is
  'Announces a worker incarnation with the executors it offers and settings from its environment (max_retries, '
  'lease_seconds, compatibility: the number of its package). Returns the settings policy has for it, the channel that '
  'wakes it, and version and compatibility number of the schema. OPS_018 without an id, for executors or settings that '
  'are no object, and for a setting that is out of its range.';
