FROM python:3.13-slim
COPY . /recsim_tf
RUN pip install --no-cache-dir --no-deps --requirement /recsim_tf/requirements.lock /recsim_tf
ENTRYPOINT ["recsim-tf"]
