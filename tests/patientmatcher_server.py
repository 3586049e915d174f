"""Runs a real patientMatcher on loopback; started with the Python of the environment that holds it.

Reads one line of JSON: `token` (what others show to it), `node` and `node_token` (the exchange it asks), and
for measurements `patients` (a file of MME patients, a line each) and `results` (the most it may answer).
Says `ready PORT`, and serves until its standard input ends.  Its data base is mongomock.  Ensembl, which it
asks about every gene, is away here, as it is in a hospital: it then goes by the names it was given.
"""

import json
import sys
import threading
from pathlib import Path

import mongomock
import requests
from patientMatcher import server
from patientMatcher.parse.patient import mme_patient
from patientMatcher.server.extensions import hpo
from werkzeug.serving import make_server

MIME = "application/vnd.ga4gh.matchmaker.v1.0+json"


def away(*_arguments, **_options):
    raise ValueError("Ensembl is away")


requests.get = away
server.MongoClient = mongomock.MongoClient
told = json.loads(sys.stdin.readline())
app = server.create_app()
app.config["MAIL_SERVER"] = None
app.db["clients"].insert_one({"_id": "varhaven", "auth_token": told["token"]})
node = {"_id": "varhaven", "label": "varhaven", "matching_url": told["node"], "accepted_content": MIME}
app.db["nodes"].insert_one({**node, "auth_token": told["node_token"]})
if "patients" in told:
    with Path(told["patients"]).open(encoding="utf-8") as lines:
        patients = [mme_patient(json.loads(line)) for line in lines]
    # One term that it does not know, in any patient, and it answers every question with 500.
    for patient in patients:
        patient["features"] = [one for one in patient.get("features", ()) if one["id"] in hpo.hps]
    app.db["patients"].insert_many(patients)
    app.config["MAX_RESULTS"] = told["results"]
listening = make_server("127.0.0.1", 0, app)
threading.Thread(target=listening.serve_forever, daemon=True).start()
sys.stdout.write(f"ready {listening.server_port}\n")
sys.stdout.flush()
sys.stdin.read()
