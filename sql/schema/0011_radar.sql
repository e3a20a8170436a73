-- The board of ideas.
set local lock_timeout = '5s';

create table ops_demand_radar (
  id uuid constraint ops_demand_radar_pkey primary key,
  title text not null,
  description text,
  status text not null default 'watching'
    constraint ops_demand_radar_status_known check (status in ('watching', 'validating', 'building', 'shipped')),
  score numeric,
  source text,
  evidence jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create unique index ops_demand_radar_title on ops_demand_radar (title);
comment on table ops_demand_radar is 'The board of ideas: watching, validating, building, shipped.';
comment on column ops_demand_radar.id is 'Time-ordered id (UUID version 7).';
comment on column ops_demand_radar.title is 'The idea in a line; unique.';
comment on column ops_demand_radar.description is 'More about it.';
comment on column ops_demand_radar.status is 'watching, validating, building or shipped.';
comment on column ops_demand_radar.score is 'How promising it looks; the scale is the team''s own.';
comment on column ops_demand_radar.source is 'The person, agent or program that put it on the board.';
comment on column ops_demand_radar.evidence is 'The reasons for it.';
comment on column ops_demand_radar.created_at is 'When it was put on the board.';
comment on column ops_demand_radar.updated_at is 'When it changed last.';
