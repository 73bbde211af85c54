FROM python:3.13-slim
COPY . /recsim_tf
RUN pip install --no-cache-dir --no-deps --require-hashes --requirement /recsim_tf/requirements.lock \
 && pip install --no-cache-dir --no-deps --no-build-isolation /recsim_tf
ENTRYPOINT ["recsim-tf"]
