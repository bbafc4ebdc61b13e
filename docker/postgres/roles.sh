#!/usr/bin/env bash
# Makes the database and its two users, once, when docker-compose.yml starts PostgreSQL for the first time: syncline_owner
# migrates, syncline serves. Neither is a superuser, so that row-level security binds both.
set -euo pipefail

psql --username "$POSTGRES_USER" --dbname postgres -v ON_ERROR_STOP=1 -v password="$POSTGRES_PASSWORD" <<'SQL'
CREATE ROLE syncline_owner LOGIN CREATEROLE PASSWORD :'password';
CREATE ROLE syncline LOGIN PASSWORD :'password';
CREATE DATABASE syncline OWNER syncline_owner;
SQL
