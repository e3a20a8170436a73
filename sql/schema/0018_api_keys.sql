-- Keys of the HTTP control plane, and the sign-ins of browsers. Both hold digests of secrets, never a secret.
set local lock_timeout = '5s';

create table ops_api_keys (
  id uuid constraint ops_api_keys_pkey primary key,
  name text not null constraint ops_api_keys_name_fits check (char_length(name) between 1 and 100),
  role text not null constraint ops_api_keys_role_known
    check (role in ('reader', 'producer', 'worker', 'operator', 'admin')),
  login text not null,
  hash text not null constraint ops_api_keys_hash_unique unique
    constraint ops_api_keys_hash_is_sha256 check (hash ~ '^[0-9a-f]{64}$'),
  created_at timestamptz not null,
  created_login text not null,
  last_used_at timestamptz,
  expires_at timestamptz,
  revoked_at timestamptz,
  revoked_by text
) with (fillfactor = 50);
create index ops_api_keys_name on ops_api_keys (name);
comment on table ops_api_keys is
  'Keys for `opsloop serve`. A call with a key acts as its login, with the rights of its role and no others.';
comment on column ops_api_keys.id is 'Id.';
comment on column ops_api_keys.name is
  'The purpose of the key; while it is rotated, two valid keys have the same name.';
comment on column ops_api_keys.role is 'reader, producer, worker, operator or admin: the group whose rights it has.';
comment on column ops_api_keys.login is
  'The login role that its calls count as, for separation of duty and in every record. It is a member of the group.';
comment on column ops_api_keys.hash is 'sha256 of the key in hexadecimal digits; the key itself is stored nowhere.';
comment on column ops_api_keys.created_at is 'When it was made.';
comment on column ops_api_keys.created_login is 'The login that made it.';
comment on column ops_api_keys.last_used_at is 'When it was used last, exact to a minute.';
comment on column ops_api_keys.expires_at is 'From then on it is refused; null for never.';
comment on column ops_api_keys.revoked_at is 'Since when it is refused, by word of somebody.';
comment on column ops_api_keys.revoked_by is 'The login that revoked it.';

create table ops_sign_ins (
  hash text constraint ops_sign_ins_pkey primary key
    constraint ops_sign_ins_hash_is_sha256 check (hash ~ '^[0-9a-f]{64}$'),
  key_id uuid not null constraint ops_sign_ins_key_id_fkey references ops_api_keys on delete cascade,
  created_at timestamptz not null,
  expires_at timestamptz not null
);
create index ops_sign_ins_key_id on ops_sign_ins (key_id);
create index ops_sign_ins_expires_at on ops_sign_ins (expires_at);
comment on table ops_sign_ins is
  'Browsers that are signed in to `opsloop serve`, each with a key: it ends with the key, or before.';
comment on column ops_sign_ins.hash is 'sha256 of the secret in the cookie, in hexadecimal digits.';
comment on column ops_sign_ins.key_id is 'The key that it was opened with.';
comment on column ops_sign_ins.created_at is 'When.';
comment on column ops_sign_ins.expires_at is 'Until when it holds.';
