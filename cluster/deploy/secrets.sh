#!/bin/sh
# Draws the secrets of docker-compose.yml, once, into the folder /token: each is a file that its
# reader alone can read. What is there is kept.
set -eu
umask 077
cd /token

draw() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

# keep FILE OWNER VALUE: whole or not at all
keep() {
    printf '%s' "$3" > "$1.new"
    chmod 400 "$1.new"
    chown "$2" "$1.new"
    mv "$1.new" "$1"
}

[ -e auth_token ] || keep auth_token 1000 "${RAY_AUTH_TOKEN:-$(draw)}"
[ -e grafana_password ] || keep grafana_password 472 "$(draw)"
if ! [ -e postgres_password ]; then
    password=$(draw)
    keep pgpass 1000 "postgres:5432:*:spikeloop:$password"
    keep postgres_password 999 "$password"
fi
