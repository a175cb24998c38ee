# The studio on a CPU, from this repository and PyPI alone:
#   docker build -t moda-studio . && docker run -p 7860:7860 moda-studio
FROM python:3.11-slim

RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgl1 libglib2.0-0 fonts-freefont-ttf fonts-noto-cjk \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /build
COPY pyproject.toml requirements.txt README.md LICENSE ./
COPY tools tools
COPY assets assets
COPY moda moda
RUN pip install --no-cache-dir $(python tools/torch_index.py) ".[voices]"

RUN useradd --create-home studio
USER studio
WORKDIR /home/studio
ENV GRADIO_SERVER_NAME=0.0.0.0 GRADIO_SERVER_PORT=7860
EXPOSE 7860
CMD ["moda", "serve"]
