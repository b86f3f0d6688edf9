"""The compose file is one that Compose accepts, and gives nobody more than is needed."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def compose() -> list[str]:
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    if shutil.which("docker"):
        asked = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
        if asked.returncode == 0:
            return ["docker", "compose"]
    pytest.skip("neither docker-compose nor the plugin `docker compose` is installed")


@pytest.mark.parametrize("files", [[], ["docker-compose.gpu.yml"]], ids=["plain", "with GPUs"])
@pytest.mark.parametrize("settings", ["", ".env.example"], ids=["no settings", "the examples"])
def test_compose_accepts_it(files, settings, tmp_path: Path):
    environment = tmp_path / "environment"
    environment.write_text((ROOT / settings).read_text() if settings else "")
    chosen = [f"--file={name}" for name in ["docker-compose.yml", *files]]
    ours = ("COMPOSE_", "STUDY_", "PIP_", "TORCH_", "BASE_IMAGE", "POSTGRES_")
    checked = subprocess.run(
        [*compose(), "--env-file", str(environment), *chosen, "config"],
        cwd=ROOT,
        env={key: value for key, value in os.environ.items() if not key.startswith(ours)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr
    assert "ray-head" in checked.stdout


def test_only_the_dashboard_is_published_and_only_to_this_machine():
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert list(published) == ["dashboard"]
    assert all(port.startswith("127.0.0.1:") for port in published["dashboard"])
    assert not any("network_mode" in service for service in SERVICES.values())


def test_only_the_dashboard_s_network_leads_out():
    leads_out = {
        name for name, network in COMPOSE["networks"].items() if not network.get("internal")
    }
    assert leads_out == {"published"}
    assert [name for name, s in SERVICES.items() if "published" in s["networks"]] == ["dashboard"]


@pytest.mark.parametrize("name", SERVICES)
def test_no_container_may_more_than_it_needs(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged")
    assert all("docker.sock" not in str(volume) for volume in service.get("volumes", []))


@pytest.mark.parametrize("name", SERVICES)
def test_every_secret_is_a_file_that_only_those_have_who_use_it(name):
    needed = {
        "postgres": {"database_password"},
        "ray-head": {"ray_token"},
        "worker": {"ray_token"},
        "coordinator-1": {"database_password", "ray_token"},
        "coordinator-2": {"database_password", "ray_token"},
        "dashboard": {"database_password", "dashboard_token"},
        "study": {"database_password"},
    }
    assert set(SERVICES[name]["secrets"]) == needed[name]
    environment = json.dumps(SERVICES[name].get("environment", {})).lower()
    for word in ('password":', 'token":'):
        assert word not in environment
    assert all(list(secret) == ["file"] for secret in COMPOSE["secrets"].values())


def test_the_database_and_the_cluster_meet_only_in_coordinators():
    both = {name for name, s in SERVICES.items() if {"database", "cluster"} <= set(s["networks"])}
    assert both == {"coordinator-1", "coordinator-2"}


def test_make_secrets_makes_each_once(tmp_path: Path):
    folder = tmp_path / "docker"
    (folder / "secrets").mkdir(parents=True)
    shutil.copy(ROOT / "docker" / "make-secrets", folder)
    subprocess.run([str(folder / "make-secrets")], check=True, capture_output=True)
    first = {path.name: path.read_text() for path in (folder / "secrets").iterdir()}
    assert set(first) == set(COMPOSE["secrets"])
    assert all(len(secret.strip()) == 64 for secret in first.values())
    assert len(set(first.values())) == 3
    subprocess.run([str(folder / "make-secrets")], check=True, capture_output=True)
    assert first == {path.name: path.read_text() for path in (folder / "secrets").iterdir()}


@pytest.mark.parametrize("role", ["ray-head", "ray-worker", "coordinator", "dashboard"])
def test_a_role_without_its_secret_does_not_start_and_says_what_to_do(role, tmp_path: Path):
    entry = (ROOT / "docker" / "study-container").read_text()
    entry = entry.replace("SECRETS=/run/secrets", f"SECRETS={tmp_path}")
    entry = entry.replace("ROLE=/tmp/role", f"ROLE={tmp_path}/role")
    refused = subprocess.run(
        ["bash", "-c", entry, "study-container", role], capture_output=True, text=True, check=False
    )
    assert refused.returncode == 2
    (line,) = refused.stderr.strip().splitlines()
    assert "is missing or empty; run docker/make-secrets on the host" in line
