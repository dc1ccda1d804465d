#!/bin/sh
# Draws the secrets of docker-compose.yml, once: each is a file that its reader alone can read, in a
# folder that is mounted into its reader's container alone. What is there is kept. Secrets that version
# 0.1 kept in the folder of the token, where every container saw them, are moved.
set -eu
umask 077
cd /secrets

draw() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

# keep FILE OWNER VALUE: whole or not at all
keep() {
    printf '%s' "$3" > "$1.new"
    chmod 400 "$1.new"
    chown "$2" "$1.new"
    mv "$1.new" "$1"
}

# moved FILE OWNER: out of the folder of the token
moved() {
    old=token/${1#*/}
    [ -e "$old" ] || return 0
    chown 0 "$old"  # without other rights root cannot read files of others
    keep "$1" "$2" "$(cat "$old")"
    rm "$old"
}

moved grafana/grafana_password 472
moved client/pgpass 1000
moved database/postgres_password 999

[ -e token/auth_token ] || keep token/auth_token 1000 "${RAY_AUTH_TOKEN:-$(draw)}"
[ -e grafana/grafana_password ] || keep grafana/grafana_password 472 "$(draw)"
if ! [ -e database/postgres_password ]; then
    password=$(draw)
    keep client/pgpass 1000 "postgres:5432:*:spikeloop:$password"
    keep database/postgres_password 999 "$password"
fi
