"""A custodian over HTTP: the service with FastAPI and uvicorn, and the coordinator's client.

    serve(desk, custodian.key, folder.passing, Listening(port=8700))        # at the custodian
    client = CustodianClient("http://127.0.0.1:8700", its_key, signer)      # at the coordinator
    words = client.custodian(study, round).open(seal, roster, sum_file)

Nothing is imported here, so that naming the package loads no library.
"""
